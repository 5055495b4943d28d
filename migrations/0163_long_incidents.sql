-- What lasts for long: incidents that still hold after a month, silences of months, and networks that cannot be seen and are given up.

-- ------------------------------------------------------------------ a zone that cannot be seen
-- What is present in a zone and cannot be asked: hosts about which the last look proved nothing, and those of networks in which two visits
-- in a row came to no end; of networks that are looked at, for the others nobody will ever see again.  since: when one of them was looked at for
-- certain last.
CREATE OR REPLACE FUNCTION alert.unseen(OUT zone text, OUT hosts int8, OUT known int8, OUT networks int8, OUT since timestamptz) RETURNS SETOF record
LANGUAGE sql STABLE AS $$
  WITH failing AS MATERIALIZED (
    SELECT q.zone_id, q.block_id, b.lo, b.hi, l.at
      FROM inv.schedule q JOIN inv.block b USING (block_id),
           LATERAL (SELECT max(v.at) AS at FROM inv.coverage v JOIN inv.profile p USING (profile_id)
                     WHERE v.block_id = q.block_id AND v.complete AND p.kind IN ('presence', 'ports')) l
     WHERE q.retired_at IS NULL AND q.kind IN ('presence', 'ports') AND q.tries >= 2
       AND EXISTS (SELECT FROM inv.coverage v WHERE v.block_id = q.block_id AND v.profile_id = q.profile_id AND NOT v.complete AND v.from_at > COALESCE(l.at, '-infinity'))),
  h AS (
    SELECT d.zone_id, d.addr, d.first_at AS at FROM inv.doubt d JOIN inv.fact_now f USING (zone_id, addr, slot, attr_id)
           -- (blocks of a zone do not overlap)
           JOIN LATERAL (SELECT b.block_id, b.hi FROM inv.block b WHERE b.zone_id = d.zone_id AND b.retired_at IS NULL AND b.lo <= d.addr
                          ORDER BY b.lo DESC LIMIT 1) b ON b.hi >= d.addr
     WHERE d.slot = 0 AND d.attr_id = 1 AND d.misses = 0
       AND EXISTS (SELECT FROM inv.schedule q WHERE q.block_id = b.block_id AND q.retired_at IS NULL AND q.kind IN ('presence', 'ports'))
    UNION
    SELECT g.zone_id, f.addr, g.at FROM failing g JOIN inv.fact_now f ON f.zone_id = g.zone_id AND f.attr_id = 1 AND f.addr BETWEEN g.lo AND g.hi)
  SELECT z.name, count(DISTINCT h.addr), alert.present(z.name, NULL),
         count(DISTINCT network(set_masklen(h.addr, CASE family(h.addr) WHEN 4 THEN 24 ELSE 120 END))), min(h.at)
    FROM h JOIN inv.zone z ON z.zone_id = h.zone_id AND z.retired_at IS NULL GROUP BY z.name $$;

-- ------------------------------------------------------------------ incidents of a month ago
ALTER TABLE alert.rule_cursor ADD age_at timestamptz NOT NULL DEFAULT '-infinity';    -- for incidents that are old

-- Whether an end can come for what an event of the ledger began: its network is looked at, a host that is gone is still known and not there (one that
-- expired is forgotten), a port is open (one that goes to another device closes with it, without an event).
CREATE FUNCTION alert.can_end(e alert.event) RETURNS bool LANGUAGE sql STABLE AS $$
  SELECT EXISTS (
    SELECT FROM inv.zone z, LATERAL (SELECT alert.to_inet(e.body -> 'subject' ->> 'host') AS addr) h,
           LATERAL (SELECT b.block_id, b.hi FROM inv.block b WHERE b.zone_id = z.zone_id AND b.retired_at IS NULL AND b.lo <= h.addr ORDER BY b.lo DESC LIMIT 1) b
     WHERE z.name = e.zone AND b.hi >= h.addr AND EXISTS (SELECT FROM inv.schedule q WHERE q.block_id = b.block_id AND q.retired_at IS NULL)
       AND CASE e.type
             WHEN 'host.gone' THEN EXISTS (SELECT FROM inv.fact_now f WHERE f.zone_id = z.zone_id AND f.addr = h.addr AND f.slot = 0 AND f.attr_id = 0)
                               AND NOT EXISTS (SELECT FROM inv.fact_now f WHERE f.zone_id = z.zone_id AND f.addr = h.addr AND f.slot = 0 AND f.attr_id = 1)
             WHEN 'port.opened' THEN EXISTS (SELECT FROM inv.fact_now f WHERE f.zone_id = z.zone_id AND f.addr = h.addr AND f.attr_id = 10
                AND inv.protocol(f.slot) = e.body -> 'subject' ->> 'proto' AND (f.slot & 65535)::text = e.body -> 'subject' ->> 'port')
             ELSE true END) $$;

-- Ends incidents of a month ago of which nothing holds that could ever end.  Once an hour: those that hold are asked each time.
CREATE FUNCTION alert.age(p_now timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE alert.rule_cursor SET age_at = p_now + interval '1 hour' WHERE age_at <= p_now;
  IF NOT FOUND THEN RETURN; END IF;
  UPDATE alert.incident i SET state = 'resolved', resolved_at = p_now, repeat_at = NULL, why = 'old'
   WHERE i.sealed AND i.state <> 'resolved' AND i.updated_at < p_now - interval '30 days' AND i.next_at IS NULL AND NOT EXISTS (
     SELECT FROM (SELECT DISTINCT ON (d.dedup) d.seq, d.firing FROM alert.decision d WHERE d.incident_id = i.incident_id ORDER BY d.dedup, d.decision_id DESC) c
       JOIN alert.event e USING (seq) JOIN alert.type y USING (type)
      WHERE c.firing AND y.turns AND CASE
              WHEN e.tx IS NOT NULL THEN alert.can_end(e)
              -- an endpoint that is in no configuration any more
              WHEN e.type LIKE 'endpoint.%' THEN EXISTS (SELECT FROM alert.endpoint p WHERE p.name = COALESCE(e.body ->> 'endpoint', e.body -> 'subject' ->> 'endpoint')
                                                                  AND GREATEST(p.held_until, p.made_at) > p_now - interval '7 days')
              ELSE true END);
END $$;

-- What is looked for now and then: zones that are complete, zones that cannot be seen, rows that nobody needs.
CREATE OR REPLACE FUNCTION alert.look_around(p_now timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE s alert.ruleset;
BEGIN
  SELECT * INTO s FROM alert.ruleset;
  UPDATE alert.rule_cursor SET look_at = p_now + LEAST(interval '10 s', GREATEST(s.storm_hold, '1 s')) WHERE look_at <= p_now;
  IF NOT FOUND THEN RETURN; END IF;
  DELETE FROM alert.surge WHERE minute < p_now - interval '1 day';
  PERFORM alert.age(p_now);
  PERFORM alert.find_baselines(p_now);
  PERFORM alert.find_blind(s, p_now);
END $$;

-- ------------------------------------------------------------------ storms
ALTER TABLE alert.waiting ADD came_at timestamptz NOT NULL DEFAULT now();     -- when it was held first

-- Takes the events that belong to an open storm, or that wait for their time; returns the others.
CREATE OR REPLACE FUNCTION alert.hold(p_seqs int8[], s alert.ruleset, p_now timestamptz) RETURNS int8[] LANGUAGE plpgsql AS $$
DECLARE v_taken int8[];
BEGIN
  -- the end of what a storm holds, or of what waits
  WITH e AS MATERIALIZED (
    SELECT e.seq, e.dedup FROM alert.event e WHERE e.seq = ANY(p_seqs) AND e.body ->> 'state' = 'resolved'),
  b AS (
    UPDATE alert.waiting w SET back = true FROM e WHERE w.dedup = e.dedup AND w.storm_id IS NOT NULL RETURNING e.seq, w.storm_id, e.dedup),
  g AS (
    DELETE FROM alert.waiting w USING e WHERE w.dedup = e.dedup AND w.due_at IS NOT NULL RETURNING e.seq, e.dedup, w.seq AS first),
  t AS (UPDATE alert.storm t SET last_at = p_now WHERE t.storm_id IN (SELECT storm_id FROM b)),
  d AS (
    INSERT INTO alert.decision (at, seq, outcome, by, dedup, firing)
    SELECT DISTINCT p_now, b.seq, 'returned', b.storm_id, b.dedup, false FROM b
    UNION ALL SELECT DISTINCT p_now, g.seq, 'returned', NULL::int8, g.dedup, false FROM g
     WHERE NOT EXISTS (SELECT FROM b WHERE b.seq = g.seq) RETURNING seq)
  SELECT array_agg(seq) INTO v_taken FROM d;
  -- new ones
  WITH e AS MATERIALIZED (
    SELECT e.seq, e.dedup, e.zone, e.type, alert.sort_of(e.type, e.body) AS sort, alert.to_inet(e.body -> 'subject' ->> 'host') AS host
      FROM alert.event e WHERE e.seq = ANY(p_seqs) AND e.seq <> ALL(COALESCE(v_taken, '{}'))
       AND COALESCE(e.body ->> 'state', '') <> 'resolved' AND e.body -> 'subject' ? 'host'),
  h AS (
    INSERT INTO alert.waiting (seq, dedup, zone, sort, host, due_at, storm_id, came_at)
    SELECT e.seq, e.dedup, e.zone, e.sort, e.host, CASE WHEN t.storm_id IS NULL THEN p_now + s.storm_hold END, t.storm_id, p_now
      FROM e LEFT JOIN alert.storm t ON t.state = 'open' AND t.zone = e.zone AND t.sort = e.sort
     WHERE t.storm_id IS NOT NULL OR (e.type = 'host.gone' AND s.storm_hold > '0')
    RETURNING seq, dedup, storm_id),
  t AS (UPDATE alert.storm t SET last_at = p_now WHERE t.storm_id IN (SELECT storm_id FROM h)),
  d AS (
    INSERT INTO alert.decision (at, seq, outcome, by, dedup, firing)
    SELECT p_now, h.seq, CASE WHEN h.storm_id IS NULL THEN 'waiting' ELSE 'held' END, h.storm_id, h.dedup, true FROM h ORDER BY h.seq RETURNING seq)
  SELECT v_taken || array_agg(seq) INTO v_taken FROM d;
  RETURN ARRAY(SELECT q FROM unnest(p_seqs) WITH ORDINALITY u(q, n) WHERE q <> ALL(COALESCE(v_taken, '{}')) ORDER BY n);
END $$;

-- Where many are gone and still more come, the first ones wait on, for three holds at most since they came (what is gone was missed first long before):
-- the looks at a large zone take longer than the hold, and the first losses would be told one by one before the storm is seen.
CREATE OR REPLACE FUNCTION alert.wait_on(s alert.ruleset, p_now timestamptz) RETURNS void LANGUAGE sql AS $$
  UPDATE alert.waiting w SET due_at = LEAST(g.last, w.came_at + 3 * s.storm_hold)
    FROM (SELECT zone, sort, max(due_at) AS last FROM alert.waiting WHERE due_at IS NOT NULL
           GROUP BY zone, sort HAVING count(*) >= s.storm_least AND min(due_at) <= p_now AND max(due_at) > p_now) g
   WHERE (w.zone, w.sort) = (g.zone, g.sort) AND w.due_at <= p_now AND w.came_at + 3 * s.storm_hold > p_now $$;

-- Tells what is due: of up to p_limit incidents.  Returns how many messages were written.
CREATE OR REPLACE FUNCTION alert.flush(p_now timestamptz, p_limit int4) RETURNS int8 LANGUAGE plpgsql AS $$
DECLARE v_n int8;
BEGIN
  WITH due AS MATERIALIZED (
    SELECT i AS inc, r AS route, i.incident_id FROM alert.incident i JOIN alert.route r USING (route_id)
     WHERE i.next_at <= p_now ORDER BY i.next_at LIMIT p_limit FOR UPDATE OF i),
  m AS MATERIALIZED (
    SELECT due.inc, due.route, due.incident_id, d.*
      FROM due, LATERAL (
        SELECT count(*) AS n, array_agg(DISTINCT d.seq) AS seqs, max(d.decision_id) AS upto, min(e.observed_at) AS first_at, max(e.observed_at) AS last_at,
               max(e.severity) AS severity, max(e.xid) AS xid, max(e.seq) AS seq, bool_or(d.firing) AS fires, bool_or(NOT d.firing) AS turns, bool_or(d.firing AND y.turns IS NOT TRUE) AS changes,
               min(e.id) AS event, min(e.type) AS type, min(e.dedup) AS dedup
          FROM alert.decision d JOIN alert.event e USING (seq) LEFT JOIN alert.type y USING (type)
         WHERE d.incident_id = due.incident_id AND d.decision_id > (due.inc).told_upto) d),
  s AS MATERIALIZED (
    SELECT m.*, (m.route).digest IS NOT NULL AND NOT (m.inc).key ? 'at_once' AS is_digest,
           m.turns AND NOT EXISTS (
             SELECT FROM (SELECT DISTINCT ON (d.dedup) d.firing, d.seq FROM alert.decision d WHERE d.incident_id = m.incident_id
                           ORDER BY d.dedup, d.decision_id DESC) c JOIN alert.event e USING (seq) JOIN alert.type y USING (type)
              WHERE c.firing AND y.turns) AS ended
      FROM m),
  -- what turned back before it was told is not told, nor what a storm has taken; what only ends has been told, or is news of its own
  t AS MATERIALIZED (
    SELECT s.*, s.n > 0 AND NOT (s.ended AND s.fires AND NOT s.changes AND (s.inc).told = 0 AND NOT s.is_digest) AS tell,
           CASE WHEN s.is_digest THEN 'digest' WHEN s.ended AND (s.inc).told > 0 AND NOT s.changes THEN 'resolve'
                WHEN s.n = 1 AND s.type = 'zone.baselined' THEN 'baseline' WHEN s.n = 1 AND s.type = 'zone.storm' THEN 'storm'
                WHEN cardinality(s.seqs) = 1 THEN 'event' ELSE 'group' END AS kind,
           CASE WHEN s.ended OR s.is_digest OR (s.n = 0 AND (s.inc).told = 0) THEN 'resolved' WHEN (s.inc).told > 0 THEN 'updated' ELSE 'open' END AS state,
           CASE WHEN s.is_digest OR (s.inc).told_at IS NULL THEN (s.inc).opened_at ELSE (s.inc).told_at END AS from_at,
           cardinality(s.seqs) = 1 AND NOT s.is_digest AS single
      FROM s),
  w AS MATERIALIZED (
    -- about one event: under its id, but for a second incident that it ends
    SELECT t.*, CASE WHEN t.kind = 'event' OR (t.single AND row_number() OVER (PARTITION BY t.event ORDER BY t.upto) = 1
                          AND NOT EXISTS (SELECT FROM alert.notice o WHERE o.event_seq = t.seq)) THEN t.event ELSE alert.make_id('ntc_') END AS notice_id,
           CASE WHEN t.kind = 'event' THEN jsonb_build_object('incident', alert.incident_ref(t.inc, t.state))
                WHEN t.single THEN jsonb_build_object('kind', t.kind, 'incident', alert.incident_ref(t.inc, t.state))
                ELSE alert.tale(t.inc, t.route, t.kind, CASE WHEN t.is_digest THEN 'open' ELSE t.state END, t.seqs, LEAST(t.from_at, t.first_at), p_now, t.n) END AS data
      FROM t WHERE t.tell),
  told AS (
    INSERT INTO alert.notice (id, endpoint_id, kind, type, severity, observed_at, dedup, incident_id, event_seq, data)
    SELECT w.notice_id, p, w.kind, CASE WHEN w.single THEN w.type ELSE w.kind END, w.severity, w.last_at,
           md5((w.route).name || ' ' || (w.inc).key::text), w.incident_id, CASE WHEN w.single THEN w.seq END, w.data
      FROM w, alert.receivers(w.inc, w.route, w.xid, w.seq, p_now) p
     ORDER BY w.upto
    ON CONFLICT (endpoint_id, id) DO NOTHING RETURNING 1),
  moved AS (
    UPDATE alert.incident i
       SET next_at = NULL, told_upto = COALESCE(t.upto, i.told_upto), state = t.state, told = i.told + t.tell::int4,
           told_at = CASE WHEN t.tell THEN p_now ELSE i.told_at END,
           not_before = CASE WHEN t.tell THEN p_now + (t.route).group_interval ELSE i.not_before END,
           repeat_at = CASE WHEN t.state <> 'resolved' AND t.tell AND i.turns THEN p_now + (t.route).repeat_interval END,
           resolved_at = CASE WHEN t.state = 'resolved' THEN p_now END,
           why = CASE WHEN t.n = 0 AND (t.inc).told = 0 THEN 'all of it is told as a storm' WHEN t.is_digest THEN 'told in a digest' WHEN t.state = 'resolved' AND NOT t.tell THEN 'turned back before it was told'
                      WHEN t.state = 'resolved' THEN 'all of it turned back' END
      FROM t WHERE i.incident_id = t.incident_id)
  SELECT count(*) INTO v_n FROM told;
  RETURN v_n;
END $$;

-- ------------------------------------------------------------------ silences of months
-- Whether a decision is part of what a silence or a window tells when it ends.
CREATE FUNCTION alert.is_to_tell(d alert.decision) RETURNS bool LANGUAGE sql STABLE AS $$
  SELECT CASE d.outcome
    WHEN 'silenced' THEN EXISTS (SELECT FROM alert.silence s WHERE s.silence_id = d.by AND d.decision_id > s.told_upto
                                    AND COALESCE(s.ended_at, s.until_at) > now() - interval '1 day')
    WHEN 'window' THEN EXISTS (SELECT FROM alert.maintenance w WHERE w.window_id = d.by AND d.decision_id > w.told_upto
                                  AND COALESCE(w.ended_at, w.until_at) > now() - interval '1 day')
    ELSE false END $$;

-- What is older than p_keep, was decided and delivered goes, an event with the last of its decisions and messages; in steps.  Returns how many
-- rows went.
CREATE OR REPLACE FUNCTION alert.prune_rules(p_keep interval, p_limit int4) RETURNS int8 LANGUAGE plpgsql AS $$
DECLARE v_n int8; v_all int8 := 0; v_last timestamptz;
BEGIN
  DELETE FROM alert.decision WHERE decision_id = ANY(ARRAY(
    SELECT d.decision_id FROM alert.decision d LEFT JOIN alert.incident i USING (incident_id)
     WHERE d.at < now() - p_keep AND (i.incident_id IS NULL OR i.state = 'resolved') AND NOT alert.is_to_tell(d) LIMIT p_limit));
  GET DIAGNOSTICS v_n = ROW_COUNT; v_all := v_all + v_n;
  DELETE FROM alert.notice WHERE seq = ANY(ARRAY(
    SELECT n.seq FROM alert.notice n JOIN alert.cursor c USING (endpoint_id)
     WHERE n.at < now() - p_keep AND (n.xid, n.seq) <= (c.xid, c.seq)
       AND NOT EXISTS (SELECT FROM alert.open o WHERE o.endpoint_id = n.endpoint_id AND o.seq = n.seq) LIMIT p_limit));
  GET DIAGNOSTICS v_n = ROW_COUNT; v_all := v_all + v_n;
  DELETE FROM alert.incident WHERE incident_id = ANY(ARRAY(
    SELECT i.incident_id FROM alert.incident i WHERE i.state = 'resolved' AND i.resolved_at < now() - p_keep
       AND NOT EXISTS (SELECT FROM alert.decision d WHERE d.incident_id = i.incident_id)
       AND NOT EXISTS (SELECT FROM alert.notice n WHERE n.incident_id = i.incident_id) LIMIT p_limit));
  GET DIAGNOSTICS v_n = ROW_COUNT;
  DELETE FROM alert.storm WHERE state = 'over' AND ended_at < now() - p_keep;
  v_all := v_all + v_n;
  WITH gone AS (
    DELETE FROM alert.event WHERE seq = ANY(ARRAY(
      SELECT e.seq FROM alert.event e, alert.rule_cursor c
       WHERE e.at < now() - p_keep AND (e.xid, e.seq) <= (c.xid, c.seq)
         AND NOT EXISTS (SELECT FROM alert.decision d WHERE d.seq = e.seq) AND NOT EXISTS (SELECT FROM alert.notice n WHERE n.event_seq = e.seq)
         AND NOT EXISTS (SELECT FROM alert.waiting w WHERE w.seq = e.seq) AND NOT EXISTS (SELECT FROM alert.flap f WHERE f.seq = e.seq)
         AND NOT EXISTS (SELECT FROM alert.storm t WHERE t.event_seq = e.seq) LIMIT p_limit)) RETURNING at)
  SELECT count(*), max(at) INTO v_n, v_last FROM gone;
  UPDATE alert.horizon SET since = v_last WHERE since < v_last;
  RETURN v_all + v_n;
END $$;

-- (one that ended so before was due for ever, and woke who waits for what falls due)
UPDATE alert.incident SET repeat_at = NULL WHERE state = 'resolved' AND repeat_at IS NOT NULL;

REVOKE ALL ON FUNCTION alert.can_end(alert.event), alert.age(timestamptz), alert.is_to_tell(alert.decision) FROM PUBLIC;
SELECT ops.grant_roles();
