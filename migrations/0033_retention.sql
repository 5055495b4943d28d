-- How long the past is kept.  What is true now is never aged by time alone (hosts that are gone for long may be: `absent`), and what people say
-- about assets stays for ever.  Whole months go by DROP; what a zone or a class keeps for a shorter time goes in bites.
--
-- inv.horizon says how far back a zone's history is whole; questions about the time before are refused (inv.reaches), not answered wrong.
ALTER TABLE inv.horizon ADD COLUMN scripts timestamptz NOT NULL DEFAULT '-infinity';    -- results of scripts: at least this

CREATE FUNCTION inv.scripts_reach(p_zone int4, p_t timestamptz) RETURNS bool LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
DECLARE v timestamptz; n text;
BEGIN
  SELECT h.scripts, z.name INTO v, n FROM horizon h JOIN zone z USING (zone_id) WHERE h.zone_id = p_zone AND h.scripts > p_t;
  IF FOUND THEN
    RAISE EXCEPTION 'the history of script results of zone % is kept since % only', n, to_char(v AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') USING ERRCODE = 'M0002';
  END IF;
  RETURN true;
END $$;
CREATE OR REPLACE FUNCTION report.script_result_at(at timestamptz, zone text DEFAULT NULL, address inet DEFAULT NULL, asset uuid DEFAULT NULL) RETURNS SETOF report.script_result_at_row
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  WITH f AS MATERIALIZED (
    SELECT z.zone_id, z.name, q.* FROM places_then(script_result_at.zone, script_result_at.address, script_result_at.asset, script_result_at.at) z,
           LATERAL facts_then(z.zone_id, script_result_at.at, z.addr, '{[0,2),[100,)}') q WHERE scripts_reach(z.zone_id, script_result_at.at))
  SELECT s.name, s.addr, o.value, protocol(s.slot), NULLIF(s.slot & 65535, 0), a.name, v.output, v.data, h.addr IS NOT NULL, s.since
    FROM f s JOIN attr a ON a.attr_id = s.attr_id AND a.kind = 'script'
    LEFT JOIN f o ON o.zone_id = s.zone_id AND o.addr = s.addr AND o.slot = 0 AND o.attr_id = 0
    LEFT JOIN f h ON h.zone_id = s.zone_id AND h.addr = s.addr AND h.slot = 0 AND h.attr_id = 1
    LEFT JOIN value_script v ON v.value = s.value WHERE script_result_at.asset IS NULL OR o.value = script_result_at.asset ORDER BY s.name, s.addr, s.slot, a.name $$;
CREATE OR REPLACE FUNCTION report.facts_at(p_zone text, p_t timestamptz)
RETURNS TABLE (address inet, protocol text, port int4, kind text, attribute text, value jsonb, since timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  SELECT q.addr, protocol(q.slot), NULLIF(q.slot & 65535, 0), a.kind, a.name, shown(a.kind, q.value, z.zone_id, q.addr, q.slot), q.since
    FROM zone z, LATERAL facts_then(z.zone_id, p_t, NULL, '{[0,)}') q JOIN attr a USING (attr_id)
   WHERE z.name = p_zone AND reaches(z.zone_id, p_t) AND scripts_reach(z.zone_id, p_t) $$;

CREATE OR REPLACE VIEW report.change AS
SELECT c.noted_at, c.at, z.name AS zone, c.addr AS address, inv.protocol(c.slot) AS protocol, NULLIF(c.slot & 65535, 0) AS port,
       a.kind, a.name AS attribute,
       CASE c.cause WHEN 'o' THEN 'opened' WHEN 'b' THEN 'returned' WHEN 'v' THEN 'changed' WHEN 'c' THEN 'closed'
                    WHEN 'p' THEN 'went with its port' WHEN 'r' THEN 'reassigned' WHEN 'm' THEN 'moved with its asset' WHEN 'x' THEN 'expired' END AS what,
       c.news, CASE WHEN c.news THEN CASE a.kind
         WHEN 'presence' THEN CASE c.cause WHEN 'o' THEN 'host.appeared' WHEN 'b' THEN 'host.returned' ELSE 'host.gone' END
         WHEN 'holder' THEN 'host.replaced'
         WHEN 'port' THEN CASE WHEN c.old_value IS NULL THEN 'port.opened' ELSE 'port.closed' END
         ELSE COALESCE(a.noun, a.kind) || CASE WHEN c.old_value IS NULL THEN '.appeared' WHEN c.new_value IS NULL THEN '.gone' ELSE '.changed' END
       END END AS type,
       inv.shown(a.kind, c.old_value, c.zone_id, c.addr, c.slot) AS old,
       inv.shown(a.kind, c.new_value, c.zone_id, c.addr, c.slot) AS new,
       c.old_since, c.seen_at AS last_seen, p.name AS pass, c.tx, c.change_id
  FROM inv.change c JOIN inv.attr a USING (attr_id) JOIN inv.zone z USING (zone_id) LEFT JOIN inv.profile p USING (profile_id);
COMMENT ON COLUMN report.change.what IS 'opened, returned, changed, closed, went with its port, reassigned, moved with its asset, expired (gone for too long)';

-- The months of inv.change or inv.coverage, with their ends.
CREATE FUNCTION ops.months(p_parent regclass) RETURNS TABLE (part name, from_at timestamptz, to_at timestamptz) LANGUAGE sql STABLE SET timezone = 'UTC' AS $$
  SELECT c.relname, to_date(right(c.relname, 7), 'YYYY_MM')::timestamptz, to_date(right(c.relname, 7), 'YYYY_MM')::timestamptz + interval '1 month'
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = p_parent AND c.relname ~ '_[0-9]{4}_[0-9]{2}$' ORDER BY 1 $$;

CREATE FUNCTION ops.drop_months(p_parent regclass, p_before timestamptz, OUT dropped text[], OUT horizon timestamptz) LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
  dropped := '{}';
  FOR r IN SELECT * FROM ops.months(p_parent) m WHERE m.to_at <= p_before LOOP
    EXECUTE format('ALTER TABLE %s DETACH PARTITION inv.%I', p_parent, r.part);
    EXECUTE format('DROP TABLE inv.%I', r.part);
    dropped := dropped || r.part::text;
    horizon := r.to_at;
  END LOOP;
END $$;

-- Deletes at most p_n rows of a zone that end before a time; p_scripts: results of scripts alone (NULL: all).
CREATE FUNCTION ops.delete_before(p_parent regclass, p_zone int4, p_before timestamptz, p_scripts bool, p_n int8) RETURNS int8 LANGUAGE plpgsql AS $$
DECLARE r record; v int8; n int8 := 0;
BEGIN
  FOR r IN SELECT * FROM ops.months(p_parent) m WHERE m.from_at < p_before LOOP
    EXECUTE format('DELETE FROM inv.%1$I WHERE ctid = ANY(ARRAY(SELECT c.ctid FROM inv.%1$I c WHERE c.zone_id = $1 AND c.at < $2 %2$s LIMIT $3))', r.part,
      CASE WHEN p_scripts THEN 'AND EXISTS (SELECT FROM inv.attr a WHERE a.attr_id = c.attr_id AND a.kind = ''script'')' ELSE '' END) USING p_zone, p_before, p_n - n;
    GET DIAGNOSTICS v = ROW_COUNT;
    n := n + v;
    EXIT WHEN n >= p_n;
  END LOOP;
  RETURN n;
END $$;

-- Hosts that have been gone since before a time are not state any more: their facts end with cause x, which is no news.  At most p_n hosts.
CREATE FUNCTION ops.expire_absent(p_before timestamptz, p_n int4) RETURNS int4 LANGUAGE plpgsql AS $$
DECLARE b record; v int4; n int4 := 0;
BEGIN
  FOR b IN SELECT q.block_id, q.zone_id, q.lo, q.hi FROM inv.block q WHERE EXISTS (
             SELECT FROM inv.fact_now o WHERE o.zone_id = q.zone_id AND o.addr BETWEEN q.lo AND q.hi AND o.slot = 0 AND o.attr_id = 0 AND o.since < p_before
                AND NOT EXISTS (SELECT FROM inv.fact_now h WHERE h.zone_id = o.zone_id AND h.addr = o.addr AND h.attr_id = 1)) ORDER BY q.block_id
  LOOP
    PERFORM FROM inv.block q WHERE q.block_id = b.block_id FOR NO KEY UPDATE;         -- as every writer of its facts
    WITH dead AS MATERIALIZED (
      SELECT o.addr FROM inv.fact_now o
       WHERE o.zone_id = b.zone_id AND o.addr BETWEEN b.lo AND b.hi AND o.slot = 0 AND o.attr_id = 0 AND o.since < p_before
         AND NOT EXISTS (SELECT FROM inv.fact_now h WHERE h.zone_id = o.zone_id AND h.addr = o.addr AND h.attr_id = 1)
         AND COALESCE((SELECT c.noted_at FROM inv.change c WHERE c.zone_id = o.zone_id AND c.addr = o.addr AND c.slot = 0 AND c.attr_id = 1 AND c.new_value IS NULL
                        ORDER BY c.at DESC LIMIT 1), o.since) < p_before
       LIMIT p_n - n),
    gone AS (DELETE FROM inv.fact_now f USING dead d WHERE f.zone_id = b.zone_id AND f.addr = d.addr RETURNING f.*),
    told AS (INSERT INTO inv.change(at, old_since, zone_id, slot, attr_id, profile_id, cause, news, addr, old_value)
             SELECT GREATEST(now(), since + interval '1 microsecond'), since, zone_id, slot, attr_id, 0, 'x', false, addr, value FROM gone),
    place AS (DELETE FROM inv.asset_place l USING dead d WHERE l.zone_id = b.zone_id AND l.addr = d.addr),
    covered AS (DELETE FROM inv.host_covered l USING dead d WHERE l.zone_id = b.zone_id AND l.addr = d.addr),
    noted AS (DELETE FROM inv.host_note l USING dead d WHERE l.zone_id = b.zone_id AND l.addr = d.addr),
    doubted AS (DELETE FROM inv.doubt l USING dead d WHERE l.zone_id = b.zone_id AND l.addr = d.addr)
    SELECT count(*) INTO v FROM dead;
    n := n + v;
    EXIT WHEN n >= p_n;
  END LOOP;
  RETURN n;
END $$;

CREATE FUNCTION inv.horizon_moves(p_zone int4, p_since timestamptz, p_scripts timestamptz) RETURNS void LANGUAGE sql AS $$
  INSERT INTO inv.horizon AS h (zone_id, since, scripts) VALUES (p_zone, COALESCE(p_since, '-infinity'), GREATEST(p_since, p_scripts, '-infinity'))
  ON CONFLICT (zone_id) DO UPDATE SET since = GREATEST(h.since, excluded.since), scripts = GREATEST(h.scripts, excluded.scripts)
   WHERE (h.since, h.scripts) IS DISTINCT FROM (GREATEST(h.since, excluded.since), GREATEST(h.scripts, excluded.scripts)) $$;

-- Upkeep, called every hour by each daemon; one at a time does it.  p: seconds to keep, 0 for ever:
-- {"history", "scripts", "coverage", "absent", "values", "zones": {name: {"history", "scripts", "coverage"}}}.  Answers what was done;
-- "more": call again soon.
CREATE FUNCTION api.retain(p jsonb, p_bite int4 DEFAULT 20000) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
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
  IF COALESCE((p ->> 'values')::float8, 0) > 0 THEN
    v_values := ops.collect_values(((p ->> 'values')::float8 / 86400)::int4, GREATEST(p_bite / 4, 1));
  END IF;
  v_more := v_deleted >= p_bite OR v_expired >= GREATEST(p_bite / 40, 1) OR v_values >= GREATEST(p_bite / 4, 1);
  RETURN jsonb_build_object('dropped', v_dropped, 'deleted', v_deleted, 'expired', v_expired, 'values', v_values, 'more', v_more);
END $$;

-- A zone that is out of the configuration: its history goes, or all of it (p_everything: what people said too).  In bites: true when done.
-- M0001: no such zone, or it is in use.
CREATE FUNCTION api.forget_zone(p_zone text, p_everything bool, p_bite int4 DEFAULT 20000) RETURNS bool
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

-- As before; what retention has taken away is no fault, and events of policies belong to no change.
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
    FROM (SELECT tx, zone_id, count(*) AS n, min(noted_at) AS at FROM inv.change WHERE news GROUP BY tx, zone_id) c
    FULL JOIN (SELECT v.xid AS tx, z.zone_id, count(*) AS n, min(v.at) AS at FROM alert.event v JOIN inv.zone z ON z.name = v.zone
                WHERE v.type NOT LIKE 'policy.%' GROUP BY v.xid, z.zone_id) e USING (tx, zone_id)
    LEFT JOIN inv.horizon h USING (zone_id)
   WHERE c.n IS DISTINCT FROM e.n AND tx <> '3'
     -- events of before a restore into another cluster: transaction ids began anew
     AND LEAST(c.at, e.at) > COALESCE((SELECT max(v.at) FROM alert.event v WHERE v.xid = '3'), '-infinity')
     -- (what closes is noted some looks after it was missed first)
     AND LEAST(c.at, e.at) > COALESCE(GREATEST(h.since, h.scripts) + interval '31 days', '-infinity')
  UNION ALL
  SELECT 'rows outside of the partitions', (SELECT count(*) FROM inv.change_stray) + (SELECT count(*) FROM inv.coverage_stray) $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA inv, api, ops, report FROM PUBLIC;
SELECT ops.grant_roles();
