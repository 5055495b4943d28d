-- Values that nothing refers to are looked for by reading the facts and the ledger once for each table of values: the planner expects to find none,
-- and would read the ledger again for each one that it finds.
ALTER FUNCTION ops.collect_values(int4, int4) SET enable_nestloop = off;

-- As before, but values are collected in a call that has done nothing else: to read the whole ledger takes seconds for each million of its rows,
-- in which nobody shall wait for the locks of months that were dropped and of hosts that expired.  And what takes longer than a statement may is left.
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
