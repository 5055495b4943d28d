-- A storm is what is told to nobody else: neither what a silence or a window keeps quiet, nor what was over before it.

-- Decides about what begins in a silence or a window: it is recorded there, and no part of a storm.  Returns which these are; NULL: none.
CREATE FUNCTION alert.hush(p_seqs int8[], p_now timestamptz) RETURNS int8[] LANGUAGE plpgsql AS $$
DECLARE v_kept int8[];
BEGIN
  SELECT array_agg(k.seq) INTO v_kept FROM alert.kept(p_seqs, p_now) k JOIN alert.event e USING (seq) WHERE COALESCE(e.body ->> 'state', '') <> 'resolved';
  IF v_kept IS NOT NULL THEN PERFORM alert.route_events(v_kept, p_now); END IF;
  RETURN v_kept;
END $$;

-- Opens storms: a sort of change hit a large share of a zone within the window, or most of a /24 (/120) of hosts that are gone.
CREATE OR REPLACE FUNCTION alert.find_storms(s alert.ruleset, p_now timestamptz) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE r record; v_hosts int8; v_id int8; v_held int8; v_canaries inet[]; v_any bool := false; v_gone bool;
BEGIN
  FOR r IN
    SELECT g.zone, g.sort, sum(g.n)::int8 AS n FROM alert.surge g WHERE g.minute > p_now - s.storm_window
     GROUP BY g.zone, g.sort HAVING sum(g.n) >= s.storm_least
        AND NOT EXISTS (SELECT FROM alert.storm t WHERE t.zone = g.zone AND t.sort = g.sort
                           AND (t.state = 'open' OR (t.state = 'confirmed' AND t.last_at > p_now - s.storm_window)
                                OR t.ended_at > p_now - s.storm_window))
  LOOP
    v_gone := r.sort = 'host.gone';
    v_hosts := alert.present(r.zone, NULL) + CASE WHEN v_gone THEN r.n ELSE 0 END;
    CONTINUE WHEN r.n < s.storm_share * v_hosts AND NOT (v_gone AND EXISTS (
      SELECT FROM (SELECT network(set_masklen(w.host, CASE family(w.host) WHEN 4 THEN 24 ELSE 120 END))::inet AS net, count(*) AS n
                     FROM alert.waiting w WHERE w.zone = r.zone AND w.sort = r.sort AND w.due_at IS NOT NULL GROUP BY 1) q
       WHERE q.n >= s.storm_least AND q.n >= 0.5 * (q.n + alert.present(r.zone, q.net))));
    INSERT INTO alert.storm (zone, sort, type, dedup, opened_at, last_at, hosts)
    VALUES (r.zone, r.sort, split_part(r.sort, ' ', 1), encode(sha256(convert_to(format('storm %s %s %s', r.zone, r.sort, p_now), 'UTF8')), 'hex'),
            p_now, p_now, v_hosts) RETURNING storm_id INTO v_id;
    WITH w AS (
      UPDATE alert.waiting SET due_at = NULL, storm_id = v_id WHERE zone = r.zone AND sort = r.sort AND due_at IS NOT NULL RETURNING seq, dedup),
    d AS (
      INSERT INTO alert.decision (at, seq, outcome, by, dedup, firing) SELECT p_now, w.seq, 'held', v_id, w.dedup, true FROM w RETURNING 1)
    SELECT count(*) INTO v_held FROM d;
    -- of those in groups, what is not told yet and holds
    WITH u AS (
      UPDATE alert.decision d SET incident_id = NULL, outcome = 'held', by = v_id
        FROM alert.incident i, alert.event e
       WHERE i.next_at IS NOT NULL AND d.incident_id = i.incident_id AND d.decision_id > i.told_upto AND e.seq = d.seq
         AND e.zone = r.zone AND alert.sort_of(e.type, e.body) = r.sort
         AND NOT EXISTS (SELECT FROM alert.decision o WHERE o.dedup = d.dedup AND o.decision_id > d.decision_id AND NOT o.firing) RETURNING d.seq, d.dedup, e.zone, e.body),
    w AS (
      INSERT INTO alert.waiting (seq, dedup, zone, sort, host, storm_id)
      SELECT DISTINCT ON (u.seq) u.seq, u.dedup, u.zone, r.sort, alert.to_inet(u.body -> 'subject' ->> 'host'), v_id FROM u
      ON CONFLICT DO NOTHING RETURNING 1)
    SELECT v_held + count(*) INTO v_held FROM w;
    v_canaries := ARRAY(SELECT w.host FROM alert.waiting w WHERE w.storm_id = v_id AND w.host IS NOT NULL ORDER BY md5(w.host::text || v_id) LIMIT s.canaries);
    PERFORM alert.probe_canaries(r.zone, v_canaries);
    UPDATE alert.storm SET canaries = v_canaries, event_seq = alert.raise('zone.storm', 'firing', r.zone, 'zone/' || r.zone,
        jsonb_build_object('kind', 'zone'), dedup,
        format('a large part of %s changed at once: %s on %s of %s hosts; the single ones are held, %s of them are looked at again', r.zone, r.sort,
               r.n, v_hosts, cardinality(v_canaries)),
        jsonb_build_object('storm', jsonb_build_object('number', v_id, 'type', type, 'sort', r.sort, 'hosts', r.n, 'of', v_hosts, 'held', GREATEST(v_held, r.n),
          'canaries', to_jsonb(v_canaries), 'verdict', 'asked')), p_now)
     WHERE storm_id = v_id;
    v_any := true;
  END LOOP;
  RETURN v_any;
END $$;

-- Writes the events of what is new in the ledger, decides about up to p_limit events (they among them), and tells
-- what is due.  more: there is more to do at once.  next: seconds until something falls due.
-- One at a time: when another process is at it, there is nothing to do.
CREATE OR REPLACE FUNCTION alert.think(p_limit int4, p_now timestamptz DEFAULT now()) RETURNS TABLE (notices int8, more bool, next float8) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE c alert.rule_cursor; s alert.ruleset; v_seqs int8[]; v_new int8[]; v_last record; v_n int8; v_told int8 := 0; v_made int8[]; v_over int8[];
BEGIN
  PERFORM alert.check_cluster();
  SELECT * INTO c FROM alert.rule_cursor FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN RETURN QUERY SELECT 0::int8, false, NULL::float8; RETURN; END IF;
  SELECT * INTO s FROM alert.ruleset;
  SELECT array_agg(e.seq ORDER BY e.xid, e.seq) FILTER (WHERE NOT e.baseline), count(*) INTO v_seqs, v_n
    FROM (SELECT e.seq, e.xid, e.baseline FROM alert.event e WHERE (e.xid, e.seq) > (c.xid, c.seq) AND e.xid < pg_snapshot_xmin(pg_current_snapshot())
           ORDER BY e.xid, e.seq LIMIT p_limit) e;
  IF v_n > 0 THEN
    SELECT e.xid, e.seq INTO v_last FROM alert.event e WHERE (e.xid, e.seq) > (c.xid, c.seq) AND e.xid < pg_snapshot_xmin(pg_current_snapshot())
     ORDER BY e.xid, e.seq LIMIT 1 OFFSET v_n - 1;
    c.xid := v_last.xid; c.seq := v_last.seq;
  END IF;
  IF v_n < p_limit THEN                                       -- all that was written before is decided: what is new comes right behind it
    c.xid := GREATEST(c.xid, '4');
    v_made := alert.make_events(p_limit - v_n, c.xid);
    IF v_made IS NOT NULL THEN
      c.seq := v_made[cardinality(v_made)];
      v_seqs := v_seqs || v_made;
      v_n := v_n + cardinality(v_made);
    END IF;
  END IF;
  IF v_n > 0 THEN UPDATE alert.rule_cursor SET xid = c.xid, seq = c.seq, updated_at = p_now; END IF;
  IF s.hash IS NULL THEN
    IF v_n > 0 THEN v_told := alert.tell_all(v_seqs); END IF;
    RETURN QUERY SELECT v_told, v_n >= p_limit, NULL::float8;
    RETURN;
  END IF;
  IF v_seqs IS NOT NULL THEN
    v_new := alert.damp(v_seqs, s, p_now);
    IF v_new IS NOT NULL THEN v_seqs := ARRAY(SELECT q FROM unnest(v_seqs) WITH ORDINALITY u(q, n) WHERE q <> ALL(v_new) ORDER BY n); END IF;
    v_new := alert.hush(v_seqs, p_now);
    IF v_new IS NOT NULL THEN v_seqs := ARRAY(SELECT q FROM unnest(v_seqs) WITH ORDINALITY u(q, n) WHERE q <> ALL(v_new) ORDER BY n); END IF;
    PERFORM alert.count_surge(v_seqs, p_now);
    v_seqs := alert.hold(v_seqs, s, p_now);
    IF alert.find_storms(s, p_now) THEN v_seqs := alert.hold(v_seqs, s, p_now); END IF;
    IF cardinality(v_seqs) > 0 THEN PERFORM alert.route_events(v_seqs, p_now); END IF;
  END IF;
  IF EXISTS (SELECT FROM alert.storm WHERE state <> 'over') THEN
    v_new := alert.weather(s, p_now);
    IF cardinality(v_new) > 0 THEN PERFORM alert.route_events(v_new, p_now); END IF;
  END IF;
  PERFORM alert.wait_on(s, p_now);
  WITH w AS (DELETE FROM alert.waiting WHERE due_at <= p_now RETURNING seq) SELECT array_agg(seq ORDER BY seq) INTO v_new FROM w;
  IF v_new IS NOT NULL THEN PERFORM alert.route_events(v_new, p_now); END IF;
  SELECT q.still, q.ended INTO v_new, v_over FROM alert.end_calm(p_now) q;
  IF cardinality(v_new) > 0 THEN PERFORM alert.route_events(v_new, p_now); END IF;
  IF cardinality(v_over) > 0 THEN PERFORM alert.route_events(v_over, p_now, true); END IF;
  v_new := alert.steady(s, p_now);
  IF cardinality(v_new) > 0 THEN v_new := alert.hold(v_new, s, p_now); END IF;
  IF cardinality(v_new) > 0 THEN PERFORM alert.route_events(v_new, p_now); END IF;
  v_told := alert.flush(p_now, p_limit) + alert.say_again(p_now);
  PERFORM alert.look_around(p_now);
  PERFORM alert.seal(p_now, s.close_after);
  RETURN QUERY SELECT v_told, v_n >= p_limit OR EXISTS (SELECT FROM alert.event e WHERE e.xid = pg_current_xact_id()), EXTRACT(epoch FROM alert.next_due(s, p_now) - p_now)::float8;
END $$;

ALTER FUNCTION alert.think(int4, timestamptz) SET jit = off;
ALTER FUNCTION alert.think(int4, timestamptz) SET enable_seqscan = off;

REVOKE ALL ON FUNCTION alert.hush(int8[], timestamptz) FROM PUBLIC;
SELECT ops.grant_roles();
