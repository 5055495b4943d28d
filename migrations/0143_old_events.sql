-- The log of events ends where the last word about its events does, changes of policies are kept as long as history is, and a zone that is forgotten
-- leaves neither.

CREATE TABLE alert.horizon (                  -- one row
  one   bool PRIMARY KEY DEFAULT true CHECK (one),
  since timestamptz NOT NULL DEFAULT '-infinity'      -- the log is whole behind it
);
INSERT INTO alert.horizon DEFAULT VALUES;

-- What is older than p_keep, was decided and delivered goes, an event with the last of its decisions and messages; in steps.  Returns how many
-- rows went.
CREATE OR REPLACE FUNCTION alert.prune_rules(p_keep interval, p_limit int4) RETURNS int8 LANGUAGE plpgsql AS $$
DECLARE v_n int8; v_all int8 := 0; v_last timestamptz;
BEGIN
  DELETE FROM alert.decision WHERE decision_id = ANY(ARRAY(
    SELECT d.decision_id FROM alert.decision d LEFT JOIN alert.incident i USING (incident_id)
     WHERE d.at < now() - p_keep AND (i.incident_id IS NULL OR i.state = 'resolved') LIMIT p_limit));
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

-- Changes of policies that are older than history is kept, of their zone or at all (p as that of api.retain); at most p_n.
CREATE FUNCTION ops.age_policies(p jsonb, p_n int8) RETURNS int8 LANGUAGE plpgsql AS $$
DECLARE v_n int8;
BEGIN
  DELETE FROM inv.policy_change WHERE change_id = ANY(ARRAY(
    SELECT c.change_id FROM inv.policy_change c,
           LATERAL (SELECT COALESCE(p -> 'zones' -> (COALESCE(c.new, c.old) ->> 'zone') ->> 'history', p ->> 'history', '0')::float8 AS secs) k
     WHERE k.secs > 0 AND c.at < now() - make_interval(secs => k.secs) LIMIT p_n));
  GET DIAGNOSTICS v_n = ROW_COUNT;
  RETURN v_n;
END $$;

-- Upkeep, called every hour by each daemon; one at a time does it.  p: seconds to keep, 0 for ever:
-- {"history", "scripts", "coverage", "absent", "values", "zones": {name: {"history", "scripts", "coverage"}}}.  Answers what was done;
-- "more": call again soon.  Values are collected in a call that has done nothing else: to read the whole ledger takes seconds for each million of its
-- rows, in which nobody shall wait for the locks of months that were dropped and of hosts that expired.  What takes longer than a statement may is left.
CREATE OR REPLACE FUNCTION api.retain(p jsonb, p_bite int4 DEFAULT 20000) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
DECLARE
  z record; v_dropped text[] := '{}'; v_some text[]; v_end timestamptz; v_n int8; v_deleted int8 := 0; v_expired int4 := 0; v_values int8 := 0;
  v_more bool := false; v_keep interval; v_forever bool;
BEGIN
  IF NOT pg_try_advisory_xact_lock(7310868735425770595) THEN RETURN '{"busy": true, "more": false}'; END IF;
  PERFORM api.upkeep();                                     -- the months to come
  CREATE TEMP TABLE keep ON COMMIT DROP AS
  SELECT q.zone_id, make_interval(secs => NULLIF(q.history, 0)) AS history,
         make_interval(secs => CASE WHEN q.history > 0 AND (q.scripts = 0 OR q.scripts > q.history) THEN q.history ELSE NULLIF(q.scripts, 0) END) AS scripts,
         make_interval(secs => NULLIF(q.coverage, 0)) AS coverage
    FROM (SELECT zone.zone_id, COALESCE((o.z ->> 'history')::float8, (p ->> 'history')::float8, 0) AS history,
                 COALESCE((o.z ->> 'scripts')::float8, (o.z ->> 'history')::float8, (p ->> 'scripts')::float8, (p ->> 'history')::float8, 0) AS scripts,
                 COALESCE((o.z ->> 'coverage')::float8, (p ->> 'coverage')::float8, 0) AS coverage
            FROM zone, LATERAL (SELECT p -> 'zones' -> zone.name AS z) o) q;
  -- whole months that no zone keeps
  SELECT max(history), bool_or(history IS NULL) INTO v_keep, v_forever FROM pg_temp.keep;
  IF v_keep IS NOT NULL AND NOT v_forever THEN
    SELECT d.dropped, d.horizon INTO v_some, v_end FROM ops.drop_months('inv.change', now() - v_keep) d;
    v_dropped := v_dropped || v_some;
    IF v_end IS NOT NULL THEN PERFORM horizon_moves(zone.zone_id, v_end, v_end) FROM zone; END IF;
  END IF;
  SELECT max(coverage), bool_or(coverage IS NULL) INTO v_keep, v_forever FROM pg_temp.keep;
  IF v_keep IS NOT NULL AND NOT v_forever THEN
    SELECT v_dropped || d.dropped INTO v_dropped FROM ops.drop_months('inv.coverage', now() - v_keep) d;
  END IF;
  -- what a zone or a class keeps for a shorter time
  FOR z IN SELECT * FROM pg_temp.keep ORDER BY zone_id LOOP
    EXIT WHEN v_deleted >= p_bite;
    IF z.history IS NOT NULL AND EXISTS (SELECT FROM pg_temp.keep o WHERE COALESCE(o.history > z.history, true)) THEN
      v_n := ops.delete_before('inv.change', z.zone_id, now() - z.history, NULL, p_bite - v_deleted);
      v_deleted := v_deleted + v_n;
      IF v_n > 0 THEN PERFORM horizon_moves(z.zone_id, now() - z.history, NULL); END IF;
    END IF;
    IF z.scripts IS NOT NULL AND COALESCE(z.scripts < z.history, true) THEN
      v_n := ops.delete_before('inv.change', z.zone_id, now() - z.scripts, true, p_bite - v_deleted);
      v_deleted := v_deleted + v_n;
      IF v_n > 0 THEN PERFORM horizon_moves(z.zone_id, NULL, now() - z.scripts); END IF;
    END IF;
    IF z.coverage IS NOT NULL AND EXISTS (SELECT FROM pg_temp.keep o WHERE COALESCE(o.coverage > z.coverage, true)) THEN
      v_deleted := v_deleted + ops.delete_before('inv.coverage', z.zone_id, now() - z.coverage, NULL, p_bite - v_deleted);
    END IF;
  END LOOP;
  DROP TABLE pg_temp.keep;
  IF v_deleted < p_bite THEN v_deleted := v_deleted + ops.age_policies(p, p_bite - v_deleted); END IF;
  IF COALESCE((p ->> 'absent')::float8, 0) > 0 THEN
    v_expired := ops.expire_absent(now() - make_interval(secs => (p ->> 'absent')::float8), GREATEST(p_bite / 40, 1));
  END IF;
  v_more := v_deleted >= p_bite OR v_expired >= GREATEST(p_bite / 40, 1);
  IF COALESCE((p ->> 'values')::float8, 0) > 0 THEN
    IF v_deleted > 0 OR v_expired > 0 OR v_dropped <> '{}' THEN
      v_more := true;
    ELSE
      BEGIN
        v_values := ops.collect_values(((p ->> 'values')::float8 / 86400)::int4, GREATEST(p_bite / 4, 1));
        v_more := v_values >= GREATEST(p_bite / 4, 1);
      EXCEPTION WHEN query_canceled THEN
        RAISE WARNING 'values that nothing refers to were not collected: %', SQLERRM;
      END;
    END IF;
  END IF;
  RETURN jsonb_build_object('dropped', v_dropped, 'deleted', v_deleted, 'expired', v_expired, 'values', v_values, 'more', v_more);
END $$;

-- The events of a zone with all that was decided about them, and what was told of it alone.  At most about p_n events; returns how many.
CREATE FUNCTION alert.forget_zone(p_zone text, p_n int4) RETURNS int8 LANGUAGE plpgsql AS $$
DECLARE v_seqs int8[]; v_incidents int8[]; v_notices int8[];
BEGIN
  PERFORM FROM alert.rule_cursor FOR UPDATE;                -- nobody decides about them meanwhile
  v_seqs := ARRAY(SELECT e.seq FROM alert.event e WHERE e.zone = p_zone LIMIT p_n);
  DELETE FROM alert.event WHERE seq = ANY(v_seqs);
  DELETE FROM alert.waiting WHERE seq = ANY(v_seqs);
  DELETE FROM alert.flap WHERE seq = ANY(v_seqs);
  DELETE FROM alert.storm WHERE zone = p_zone;
  DELETE FROM alert.surge WHERE zone = p_zone;
  DELETE FROM alert.blind WHERE zone = p_zone;
  WITH d AS (DELETE FROM alert.decision WHERE seq = ANY(v_seqs) RETURNING incident_id)
  SELECT array_agg(DISTINCT d.incident_id) INTO v_incidents FROM d WHERE d.incident_id IS NOT NULL;
  v_incidents := ARRAY(SELECT i FROM unnest(v_incidents) i WHERE NOT EXISTS (SELECT FROM alert.decision d WHERE d.incident_id = i));
  WITH n AS (DELETE FROM alert.notice WHERE event_seq = ANY(v_seqs) OR incident_id = ANY(v_incidents) RETURNING seq)
  SELECT array_agg(n.seq) INTO v_notices FROM n;
  DELETE FROM alert.open WHERE seq = ANY(v_notices);
  DELETE FROM alert.attempt WHERE seq = ANY(v_notices);
  DELETE FROM alert.incident WHERE incident_id = ANY(v_incidents);
  RETURN cardinality(v_seqs);
END $$;

-- A zone that is out of the configuration: its history goes, or all of it (p_everything: what people said and what was told too).  In bites: true
-- when done.  M0001: no such zone, or it is in use.
CREATE OR REPLACE FUNCTION api.forget_zone(p_zone text, p_everything bool, p_bite int4 DEFAULT 20000) RETURNS bool
LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
DECLARE v zone%ROWTYPE; t text; n int8; c_end CONSTANT timestamptz := 'infinity';
BEGIN
  SELECT * INTO v FROM zone z WHERE z.name = p_zone FOR UPDATE;
  IF NOT FOUND THEN RAISE EXCEPTION 'there is no zone ''%''', p_zone USING ERRCODE = 'M0001'; END IF;
  IF v.retired_at IS NULL THEN
    RAISE EXCEPTION 'zone % is in the configuration; take it out first', p_zone USING ERRCODE = 'M0001';
  END IF;
  n := ops.delete_before('inv.change', v.zone_id, c_end, NULL, p_bite);
  IF n < p_bite THEN n := n + ops.delete_before('inv.coverage', v.zone_id, c_end, NULL, p_bite - n); END IF;
  PERFORM horizon_moves(v.zone_id, now(), now());
  IF n >= p_bite THEN RETURN false; END IF;
  IF p_everything THEN
    IF alert.forget_zone(p_zone, p_bite) >= p_bite THEN RETURN false; END IF;
    DELETE FROM policy_finding f WHERE f.row ->> 'zone' = p_zone;
    DELETE FROM policy_change c WHERE COALESCE(c.new, c.old) ->> 'zone' = p_zone;
    FOREACH t IN ARRAY ARRAY['fact_now', 'doubt', 'host_covered', 'host_note', 'asset_place', 'asset_key', 'asset_tag', 'approval', 'annotation', 'annotation_log', 'horizon'] LOOP
      EXECUTE format('DELETE FROM inv.%I WHERE zone_id = $1', t) USING v.zone_id;
    END LOOP;
    DELETE FROM asset WHERE zone_id = v.zone_id;
    DELETE FROM schedule WHERE zone_id = v.zone_id;
    DELETE FROM block WHERE zone_id = v.zone_id;
    DELETE FROM profile WHERE zone_id = v.zone_id;
    DELETE FROM zone WHERE zone_id = v.zone_id;
  END IF;
  RETURN true;
END $$;

-- As before; what was taken from the log of events is no fault.
CREATE OR REPLACE FUNCTION ops.invariants() RETURNS TABLE (what text, n int8) LANGUAGE sql STABLE AS $$
  SELECT 'overlapping spans', count(*) FROM (SELECT old_since, lag(at) OVER (PARTITION BY zone_id, addr, slot, attr_id ORDER BY at, change_id) AS prev
     FROM inv.change WHERE old_value IS NOT NULL) q WHERE old_since < prev
  UNION ALL
  SELECT 'ledger says otherwise than state', count(*) FROM (SELECT DISTINCT ON (zone_id, addr, slot, attr_id) * FROM inv.change
     ORDER BY zone_id, addr, slot, attr_id, at DESC, change_id DESC) l LEFT JOIN inv.fact_now f USING (zone_id, addr, slot, attr_id)
   WHERE l.new_value IS DISTINCT FROM f.value
  UNION ALL
  SELECT 'state without its ledger row', count(*) FROM inv.fact_now f LEFT JOIN inv.horizon h USING (zone_id) WHERE NOT EXISTS (SELECT FROM inv.change c
   WHERE c.zone_id = f.zone_id AND c.addr = f.addr AND c.slot = f.slot AND c.attr_id = f.attr_id AND c.at = f.since AND c.new_value = f.value)
     AND (h.zone_id IS NULL OR f.since >= CASE WHEN f.attr_id >= 100 THEN h.scripts ELSE h.since END)
  UNION ALL
  SELECT 'doubt about nothing', count(*) FROM inv.doubt d WHERE NOT EXISTS (SELECT FROM inv.fact_now f
   WHERE f.zone_id = d.zone_id AND f.addr = d.addr AND f.slot = d.slot AND f.attr_id = d.attr_id)
  UNION ALL
  SELECT 'detail of a port that is not open', count(*) FROM inv.fact_now d WHERE d.slot <> 0 AND d.attr_id >= 11 AND NOT EXISTS (SELECT
    FROM inv.fact_now f WHERE f.zone_id = d.zone_id AND f.addr = d.addr AND f.slot = d.slot AND f.attr_id = 10)
  UNION ALL
  SELECT 'host without a holder', count(*) FROM inv.fact_now h WHERE h.attr_id = 1 AND NOT EXISTS (SELECT
    FROM inv.fact_now f WHERE f.zone_id = h.zone_id AND f.addr = h.addr AND f.slot = 0 AND f.attr_id = 0)
  UNION ALL
  SELECT 'digest without a body', count(*) FROM inv.fact_now f JOIN inv.attr a USING (attr_id)
   WHERE CASE a.kind WHEN 'text' THEN NOT EXISTS (SELECT FROM inv.value_text v WHERE v.value = f.value)
                     WHEN 'script' THEN NOT EXISTS (SELECT FROM inv.value_script v WHERE v.value = f.value)
                     WHEN 'service' THEN NOT EXISTS (SELECT FROM inv.value_service v WHERE v.value = f.value)
                     WHEN 'holder' THEN NOT EXISTS (SELECT FROM inv.asset v WHERE v.asset_id = f.value) ELSE false END
  UNION ALL
  SELECT 'news without exactly one event', count(*)
    FROM (SELECT tx, zone_id, count(*) AS n, min(noted_at) AS at FROM inv.change c WHERE news
             AND NOT EXISTS (SELECT FROM alert.news w WHERE w.tx = c.tx) GROUP BY tx, zone_id) c
    FULL JOIN (SELECT v.tx, z.zone_id, count(*) AS n, min(v.at) AS at FROM alert.event v JOIN inv.zone z ON z.name = v.zone
                WHERE v.tx IS NOT NULL GROUP BY v.tx, z.zone_id) e USING (tx, zone_id)
    LEFT JOIN inv.horizon h USING (zone_id)
   WHERE c.n IS DISTINCT FROM e.n AND tx <> '3'
     -- events of before a restore into another cluster: transaction ids began anew
     AND LEAST(c.at, e.at) > COALESCE((SELECT max(v.at) FROM alert.event v WHERE v.xid = '3'), '-infinity')
     -- (what closes is noted some looks after it was missed first)
     AND LEAST(c.at, e.at) > COALESCE(GREATEST(h.since, h.scripts) + interval '31 days', '-infinity')
     AND LEAST(c.at, e.at) > COALESCE((SELECT g.since FROM alert.horizon g), '-infinity')
  UNION ALL
  SELECT 'news that the ledger does not have', count(*) FROM alert.news w
   WHERE w.n <> (SELECT count(*) FROM inv.change c WHERE c.tx IN (w.tx, '3') AND c.change_id BETWEEN w.first_id AND w.last_id AND c.news)
  UNION ALL
  SELECT 'rows outside of the partitions', (SELECT count(*) FROM inv.change_stray) + (SELECT count(*) FROM inv.coverage_stray) $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA alert, api, ops FROM PUBLIC;
SELECT ops.grant_roles();
