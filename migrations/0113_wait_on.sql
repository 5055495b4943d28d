-- Where many are gone and still more come, the first ones wait on, for three holds at most: the looks at a large zone take longer than the
-- hold, and the first losses would be told one by one before the storm is seen.
CREATE FUNCTION alert.wait_on(s alert.ruleset, p_now timestamptz) RETURNS void LANGUAGE sql AS $$
  UPDATE alert.waiting w SET due_at = LEAST(g.last, e.observed_at + 3 * s.storm_hold)
    FROM (SELECT zone, sort, max(due_at) AS last FROM alert.waiting WHERE due_at IS NOT NULL
           GROUP BY zone, sort HAVING count(*) >= s.storm_least AND min(due_at) <= p_now AND max(due_at) > p_now) g, alert.event e
   WHERE (w.zone, w.sort) = (g.zone, g.sort) AND w.due_at <= p_now AND e.seq = w.seq AND e.observed_at + 3 * s.storm_hold > p_now $$;

-- Writes the events of what is new in the ledger, decides about up to p_limit events (they among them), and tells
-- what is due.  more: there is more to do at once.  next: seconds until something falls due.
-- One at a time: when another process is at it, there is nothing to do.
CREATE OR REPLACE FUNCTION alert.think(p_limit int4, p_now timestamptz DEFAULT now()) RETURNS TABLE (notices int8, more bool, next float8) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE c alert.rule_cursor; s alert.ruleset; v_seqs int8[]; v_new int8[]; v_last record; v_n int8; v_told int8 := 0; v_made int8[];
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
  v_new := alert.end_calm(p_now);
  IF cardinality(v_new) > 0 THEN PERFORM alert.route_events(v_new, p_now); END IF;
  v_told := alert.flush(p_now, p_limit) + alert.say_again(p_now);
  PERFORM alert.steady(s, p_now);
  PERFORM alert.look_around(p_now);
  PERFORM alert.seal(p_now, s.close_after);
  RETURN QUERY SELECT v_told, v_n >= p_limit OR EXISTS (SELECT FROM alert.event e WHERE e.xid = pg_current_xact_id()), EXTRACT(epoch FROM alert.next_due(s, p_now) - p_now)::float8;
END $$;

ALTER FUNCTION alert.think(int4, timestamptz) SET jit = off;
ALTER FUNCTION alert.think(int4, timestamptz) SET enable_seqscan = off;

REVOKE ALL ON FUNCTION alert.wait_on(alert.ruleset, timestamptz) FROM PUBLIC;
SELECT ops.grant_roles();
