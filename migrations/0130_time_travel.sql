-- The inventory as it was, in the time that a person waits.
--
-- What took long before was planning (a function in SQL plans its body at each call, and a ledger has many months) and joins whose size
-- the planner could not know, of which it made nested loops.  So the bodies are PL/pgSQL, whose plans are kept, and go place by place (a zone
-- or an address); rows of functions are estimated as many, and conditions on them stand in CASE, which the planner takes to hold for half of the
-- rows: what is joined is hashed, and only values are looked up one by one.  Blocks are found by the /24 (IPv6: /120) that they touch: at most two,
-- as a block has at most 256 addresses.

-- Facts at one address: always by key, so one plan is good for all.
CREATE FUNCTION inv.facts_there(p_zone int4, p_t timestamptz, p_addr inet, p_attrs int4multirange)
RETURNS TABLE (addr inet, slot int4, attr_id int4, value uuid, since timestamptz, until timestamptz, seen_at timestamptz)
LANGUAGE plpgsql STABLE ROWS 30 SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY SELECT f.addr, f.slot, f.attr_id, f.value, f.since, NULL::timestamptz, NULL::timestamptz FROM inv.fact_now f
   WHERE f.zone_id = p_zone AND f.addr = p_addr AND f.since <= p_t AND p_attrs @> f.attr_id
  UNION ALL
  SELECT c.addr, c.slot, c.attr_id, c.old_value, c.old_since, c.at, c.seen_at FROM inv.change c
   WHERE c.zone_id = p_zone AND c.addr = p_addr AND c.at > p_t AND c.old_since <= p_t AND p_attrs @> c.attr_id;
END $$;
-- Facts of a whole zone are planned each time: how much of the ledger has to be read hangs on the zone and the time.
CREATE OR REPLACE FUNCTION inv.facts_then(p_zone int4, p_t timestamptz, p_addr inet, p_attrs int4multirange)
RETURNS TABLE (addr inet, slot int4, attr_id int4, value uuid, since timestamptz, until timestamptz, seen_at timestamptz)
LANGUAGE plpgsql STABLE ROWS 100000 AS $$
#variable_conflict use_column
BEGIN
  IF p_addr IS NOT NULL THEN
    RETURN QUERY SELECT * FROM inv.facts_there(p_zone, p_t, p_addr, p_attrs);
  ELSE
    RETURN QUERY EXECUTE 'SELECT f.addr, f.slot, f.attr_id, f.value, f.since, NULL::timestamptz, NULL::timestamptz FROM inv.fact_now f
       WHERE f.zone_id = $1 AND f.since <= $2 AND $3 @> f.attr_id
      UNION ALL
      SELECT c.addr, c.slot, c.attr_id, c.old_value, c.old_since, c.at, c.seen_at FROM inv.change c
       WHERE c.zone_id = $1 AND c.at > $2 AND c.old_since <= $2 AND $3 @> c.attr_id' USING p_zone, p_t, p_attrs;
  END IF;
END $$;

-- The /24 or /120 that an address is in.
CREATE FUNCTION inv.net_of(p inet) RETURNS cidr LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT network(set_masklen(p, CASE family(p) WHEN 4 THEN 24 ELSE 120 END)) $$;
-- Blocks of a zone (one address in it) and the last complete look at them until a time, by the nets that they touch.
CREATE FUNCTION inv.looks_then(p_zone int4, p_t timestamptz, p_kinds text[], p_addr inet)
RETURNS TABLE (net cidr, lo inet, hi inet, slots int4multirange, last_at timestamptz, fresh bool)
LANGUAGE plpgsql STABLE ROWS 2000 SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY SELECT n.net, w.lo, w.hi, w.slots, w.last_at, w.fresh
    FROM inv.looked_then(p_zone, p_t, p_kinds, p_addr) w,
         LATERAL (SELECT inv.net_of(w.lo) AS net UNION SELECT inv.net_of(w.hi)) n;
END $$;

CREATE OR REPLACE FUNCTION report.host_at(at timestamptz, zone text DEFAULT NULL, address inet DEFAULT NULL, asset uuid DEFAULT NULL) RETURNS SETOF report.host_at_row
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = inv, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE z record;
BEGIN
  FOR z IN SELECT * FROM places_then(host_at.zone, host_at.address, host_at.asset, host_at.at) p ORDER BY p.name, p.addr LOOP
    RETURN QUERY
    WITH h AS (
      SELECT f.addr, (array_agg(f.value) FILTER (WHERE f.attr_id = 0))[1] AS holder, min(f.since) FILTER (WHERE f.attr_id = 0) AS held_since,
             min(f.since) FILTER (WHERE f.attr_id = 1) AS present_since, min(f.seen_at) FILTER (WHERE f.attr_id = 1 AND f.seen_at <= host_at.at) AS seen_at,
             (array_agg(f.value) FILTER (WHERE f.attr_id = 2))[1] AS mac, (array_agg(f.value) FILTER (WHERE f.attr_id = 3))[1] AS hostname,
             (count(*) FILTER (WHERE f.attr_id = 10))::int4 AS ports
        FROM facts_then(z.zone_id, host_at.at, z.addr, '{[0,4),[10,11)}') f
       WHERE CASE WHEN f.attr_id = 10 OR f.slot = 0 THEN true ELSE false END GROUP BY f.addr),
    -- a host that several passes look at has several rows here; the sort by which they are given brings them together
    q AS (
      SELECT DISTINCT ON (h.addr) h.*, max(l.last_at) OVER p AS last_at, bool_or(l.fresh) OVER p AS fresh
        FROM h LEFT JOIN looks_then(z.zone_id, host_at.at, '{presence,ports}', z.addr) l ON l.net = net_of(h.addr) AND l.lo <= h.addr AND l.hi >= h.addr
       WHERE CASE WHEN h.holder IS NOT NULL AND (host_at.asset IS NULL OR h.holder = host_at.asset) THEN true ELSE false END
      WINDOW p AS (PARTITION BY h.addr) ORDER BY h.addr)
    SELECT z.name, h.addr, h.holder, CASE WHEN h.fresh IS NOT TRUE THEN 'unknown' WHEN h.present_since IS NULL THEN 'absent' ELSE 'present' END,
           (SELECT m.body FROM value_text m WHERE m.value = h.mac), (SELECT n.vendor FROM host_note n WHERE n.zone_id = z.zone_id AND n.addr = h.addr),
           (SELECT d.body FROM value_text d WHERE d.value = h.hostname), h.held_since, h.present_since,
           CASE WHEN h.present_since IS NOT NULL THEN COALESCE(h.seen_at, GREATEST(h.present_since, h.last_at))
                ELSE (SELECT COALESCE(x.seen_at, x.at) FROM change x WHERE x.zone_id = z.zone_id AND x.addr = h.addr AND x.attr_id = 1 AND x.new_value IS NULL
                         AND x.at <= host_at.at ORDER BY x.at DESC LIMIT 1) END,
           h.last_at, h.ports
      FROM q h;
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION report.asset_at(at timestamptz, zone text DEFAULT NULL, asset uuid DEFAULT NULL) RETURNS SETOF report.asset_at_row
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = inv, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  SELECT h.zone, h.asset_id, COALESCE(a.label, min(h.hostname), host(min(h.address))),
         CASE WHEN bool_or(h.state = 'present') THEN 'present' WHEN bool_or(h.state = 'unknown') THEN 'unknown' ELSE 'absent' END,
         array_agg(h.address ORDER BY h.address),
         (SELECT array_agg(k.key ORDER BY k.since) FROM asset_key k WHERE k.asset_id = h.asset_id AND k.kind = 1 AND k.since <= asset_at.at AND k.until > asset_at.at),
         min(h.vendor), min(h.hostname), sum(h.open_ports)::int4, LEAST(a.made_at, min(h.first_seen)), max(h.last_seen), max(h.last_checked), a.label, a.note
    FROM report.host_at(asset_at.at, asset_at.zone, NULL, asset_at.asset) h
    LEFT JOIN LATERAL (SELECT * FROM asset x WHERE x.asset_id = h.asset_id OFFSET 0) a ON true
   GROUP BY h.zone, h.asset_id, a.label, a.note, a.made_at ORDER BY h.zone, min(h.address);
END $$;

CREATE OR REPLACE FUNCTION report.service_at(at timestamptz, zone text DEFAULT NULL, address inet DEFAULT NULL, asset uuid DEFAULT NULL) RETURNS SETOF report.service_at_row
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = inv, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE z record;
BEGIN
  FOR z IN SELECT * FROM places_then(service_at.zone, service_at.address, service_at.asset, service_at.at) p ORDER BY p.name, p.addr LOOP
    RETURN QUERY
    WITH f AS MATERIALIZED (SELECT * FROM facts_then(z.zone_id, service_at.at, z.addr, '{[0,2),[10,12)}')),
    q AS (
      SELECT DISTINCT ON (s.addr, s.slot) s.addr, s.slot, s.since, s.seen_at, o.value AS holder, h.addr IS NOT NULL AS there, d.value AS probed, d.since AS probed_since,
             max(l.last_at) OVER p AS last_at, bool_or(l.fresh) OVER p AS fresh
        FROM f s
        LEFT JOIN f o ON o.addr = s.addr AND CASE WHEN o.slot = 0 AND o.attr_id = 0 THEN true ELSE false END
        LEFT JOIN f h ON h.addr = s.addr AND CASE WHEN h.slot = 0 AND h.attr_id = 1 THEN true ELSE false END
        LEFT JOIN f d ON d.addr = s.addr AND d.slot = s.slot AND CASE WHEN d.attr_id = 11 THEN true ELSE false END
        LEFT JOIN looks_then(z.zone_id, service_at.at, '{ports}', z.addr) l ON l.net = net_of(s.addr) AND l.lo <= s.addr AND l.hi >= s.addr AND l.slots @> s.slot
       WHERE CASE WHEN s.attr_id = 10 THEN true ELSE false END AND CASE WHEN service_at.asset IS NULL OR o.value = service_at.asset THEN true ELSE false END
      WINDOW p AS (PARTITION BY s.addr, s.slot) ORDER BY s.addr, s.slot)
    SELECT z.name, s.addr, s.holder, protocol(s.slot), s.slot & 65535, COALESCE(v.name, (SELECT n.name FROM port_name n WHERE n.slot = s.slot)),
           v.product, v.version, v.extra, v.hostname, v.os, v.device,
           v.tunnel, COALESCE(v.cpe, '{}'), CASE WHEN v.value IS NULL THEN 'table' ELSE 'probed' END,
           CASE WHEN s.fresh IS NOT TRUE THEN 'unknown' WHEN NOT s.there THEN 'dormant' ELSE 'open' END,
           s.since, GREATEST(s.since, s.probed_since), COALESCE(CASE WHEN s.seen_at <= service_at.at THEN s.seen_at END, GREATEST(s.since, s.last_at)), s.last_at
      FROM q s LEFT JOIN LATERAL (SELECT * FROM value_service x WHERE x.value = s.probed OFFSET 0) v ON true;
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION report.script_result_at(at timestamptz, zone text DEFAULT NULL, address inet DEFAULT NULL, asset uuid DEFAULT NULL) RETURNS SETOF report.script_result_at_row
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = inv, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE z record;
BEGIN
  FOR z IN SELECT * FROM places_then(script_result_at.zone, script_result_at.address, script_result_at.asset, script_result_at.at) p ORDER BY p.name, p.addr LOOP
    CONTINUE WHEN NOT scripts_reach(z.zone_id, script_result_at.at);
    RETURN QUERY
    WITH f AS MATERIALIZED (SELECT * FROM facts_then(z.zone_id, script_result_at.at, z.addr, '{[0,2),[100,)}'))
    SELECT z.name, s.addr, o.value, protocol(s.slot), NULLIF(s.slot & 65535, 0), a.name, v.output, v.data, h.addr IS NOT NULL, s.since
      FROM f s JOIN attr a ON a.attr_id = s.attr_id AND a.kind = 'script'
      LEFT JOIN f o ON o.addr = s.addr AND CASE WHEN o.slot = 0 AND o.attr_id = 0 THEN true ELSE false END
      LEFT JOIN f h ON h.addr = s.addr AND CASE WHEN h.slot = 0 AND h.attr_id = 1 THEN true ELSE false END
      LEFT JOIN LATERAL (SELECT * FROM value_script x WHERE x.value = s.value OFFSET 0) v ON true
     WHERE CASE WHEN script_result_at.asset IS NULL OR o.value = script_result_at.asset THEN true ELSE false END ORDER BY s.addr, s.slot, a.name;
  END LOOP;
END $$;

-- The same for histories and differences; a port that opened or closed is found in a window, not by a search for each row.
CREATE OR REPLACE FUNCTION report.holder_at(ip inet, at timestamptz, zone text DEFAULT NULL) RETURNS SETOF report.holder_at_row
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = inv, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  SELECT z.name, holder_at.ip, o.value, asset_name(o.value),
         (SELECT mac_of(t.body) FROM facts_then(z.zone_id, holder_at.at, holder_at.ip, '{[0,3)}') m JOIN value_text t USING (value) WHERE m.attr_id = 2 AND m.slot = 0),
         tstzrange(o.since, o.until), EXISTS (SELECT FROM facts_then(z.zone_id, holder_at.at, holder_at.ip, '{[0,3)}') h WHERE h.attr_id = 1 AND h.slot = 0)
    FROM zone z, LATERAL facts_then(z.zone_id, holder_at.at, holder_at.ip, '{[0,3)}') o
   WHERE o.attr_id = 0 AND o.slot = 0 AND holder_at.ip IS NOT NULL AND (holder_at.zone IS NULL OR z.name = holder_at.zone) AND reaches(z.zone_id, holder_at.at);
END $$;
CREATE OR REPLACE FUNCTION inv.text_spans(p_zone int4, p_addr inet, p_attr int4) RETURNS TABLE (body text, since timestamptz, until timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = inv, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  SELECT t.body, f.since, NULL::timestamptz FROM fact_now f JOIN value_text t USING (value)
   WHERE f.zone_id = p_zone AND f.addr = p_addr AND f.slot = 0 AND f.attr_id = p_attr
  UNION ALL
  SELECT t.body, c.old_since, c.at FROM change c JOIN value_text t ON t.value = c.old_value
   WHERE c.zone_id = p_zone AND c.addr = p_addr AND c.slot = 0 AND c.attr_id = p_attr;
END $$;
CREATE OR REPLACE FUNCTION report.ip_history(ip inet, zone text DEFAULT NULL) RETURNS SETOF report.ip_history_row
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = inv, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  SELECT z.name, ip_history.ip, q.holder, asset_name(q.holder),
         (SELECT array_agg(DISTINCT mac_of(t.body)) FROM text_spans(z.zone_id, ip_history.ip, 2) t
           WHERE mac_of(t.body) IS NOT NULL AND tstzrange(t.since, t.until) && tstzrange(q.since, q.until)),
         (SELECT array_agg(DISTINCT t.body) FROM text_spans(z.zone_id, ip_history.ip, 3) t
           WHERE tstzrange(t.since, t.until) && tstzrange(q.since, q.until)),
         tstzrange(q.since, q.until),
         q.until IS NULL AND EXISTS (SELECT FROM fact_now h WHERE h.zone_id = z.zone_id AND h.addr = ip_history.ip AND h.slot = 0 AND h.attr_id = 1)
    FROM zone z, LATERAL (
      SELECT f.value AS holder, f.since, NULL::timestamptz AS until FROM fact_now f
       WHERE f.zone_id = z.zone_id AND f.addr = ip_history.ip AND f.slot = 0 AND f.attr_id = 0
      UNION ALL
      SELECT c.old_value, c.old_since, c.at FROM change c
       WHERE c.zone_id = z.zone_id AND c.addr = ip_history.ip AND c.slot = 0 AND c.attr_id = 0 AND c.old_value IS NOT NULL) q
   WHERE ip_history.zone IS NULL OR z.name = ip_history.zone
   ORDER BY z.name, q.since DESC;
END $$;
CREATE OR REPLACE FUNCTION report.mac_history(mac macaddr, zone text DEFAULT NULL) RETURNS SETOF report.mac_history_row
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = inv, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH v AS MATERIALIZED (SELECT t.value FROM value_text t WHERE t.body = mac_history.mac::text),
  s AS (
    SELECT f.zone_id, f.addr, f.since, NULL::timestamptz AS until FROM fact_now f
     WHERE f.attr_id = 2 AND f.slot = 0 AND f.value = ANY(ARRAY(SELECT value FROM v))
    UNION ALL
    SELECT c.zone_id, c.addr, c.old_since, c.at FROM change c
     WHERE c.attr_id = 2 AND c.old_value IS NOT NULL AND c.old_value = ANY(ARRAY(SELECT value FROM v)))
  SELECT z.name, mac_history.mac, s.addr, o.holder, asset_name(o.holder), tstzrange(s.since, s.until),
         s.until IS NULL AND EXISTS (SELECT FROM fact_now h WHERE h.zone_id = s.zone_id AND h.addr = s.addr AND h.slot = 0 AND h.attr_id = 1)
    FROM s JOIN zone z USING (zone_id)
    LEFT JOIN LATERAL (
      SELECT f.value AS holder FROM fact_now f WHERE f.zone_id = s.zone_id AND f.addr = s.addr AND f.slot = 0 AND f.attr_id = 0
         AND (s.until IS NULL OR f.since < s.until)
      UNION ALL
      (SELECT c.old_value FROM change c WHERE c.zone_id = s.zone_id AND c.addr = s.addr AND c.slot = 0 AND c.attr_id = 0
          AND c.old_since < s.until AND c.at > s.since ORDER BY c.at DESC LIMIT 1) LIMIT 1) o ON true
   WHERE mac_history.zone IS NULL OR z.name = mac_history.zone
   ORDER BY s.since DESC, z.name, s.addr;
END $$;
-- What services and scripts said is looked up here, as inv.shown() does it, but without the call of a function that sets up its surroundings for each
-- value: two times may lie 100,000 changes apart.
CREATE OR REPLACE FUNCTION report.diff(t1 timestamptz, t2 timestamptz DEFAULT now(), zone text DEFAULT NULL) RETURNS SETOF report.diff_row
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = inv, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH z AS MATERIALIZED (SELECT z.zone_id, z.name FROM zone z WHERE (diff.zone IS NULL OR z.name = diff.zone) AND reaches(z.zone_id, diff.t1)),
  e AS MATERIALIZED (
    SELECT q.*, bool_or(q.attr_id = 10) OVER (PARTITION BY q.zone_id, q.addr, q.slot) AS port FROM (
      SELECT c.zone_id, c.addr, c.slot, c.attr_id, max(c.at) AS at, (array_agg(c.old_value ORDER BY c.at, c.change_id))[1] AS old,
             (array_agg(c.old_since ORDER BY c.at, c.change_id))[1] AS old_since, (array_agg(c.new_value ORDER BY c.at DESC, c.change_id DESC))[1] AS new
        FROM change c WHERE c.at > diff.t1 AND c.at <= diff.t2 AND c.zone_id IN (SELECT zone_id FROM z)
       GROUP BY c.zone_id, c.addr, c.slot, c.attr_id) q
     WHERE q.old IS DISTINCT FROM q.new)
  SELECT e.at, z.name, e.addr, protocol(e.slot), NULLIF(e.slot & 65535, 0), a.kind, a.name,
         CASE WHEN e.old IS NULL THEN CASE a.kind WHEN 'presence' THEN 'appeared' WHEN 'port' THEN 'opened' ELSE 'appeared' END
              WHEN e.new IS NULL THEN CASE a.kind WHEN 'port' THEN 'closed' ELSE 'gone' END
              WHEN a.kind = 'holder' THEN 'replaced' ELSE 'changed' END,
         -- told by another line: what hangs on a port that opened or closed, who and what a host is that appeared
         CASE WHEN e.slot <> 0 AND e.attr_id >= 11 THEN e.port
              WHEN a.kind IN ('holder', 'text') THEN e.old IS NULL OR e.new IS NULL OR a.kind = 'text' ELSE false END,
         CASE a.kind WHEN 'script' THEN (SELECT jsonb_strip_nulls(jsonb_build_object('output', left(v.output, 4000),
                              'data', CASE WHEN length(v.data::text) <= 8000 THEN v.data END)) FROM value_script v WHERE v.value = e.old)
                     WHEN 'service' THEN (SELECT jsonb_strip_nulls(to_jsonb(v) - 'value' - 'kept_at') FROM value_service v WHERE v.value = e.old)
                     ELSE shown(a.kind, e.old, e.zone_id, e.addr, e.slot) END,
         CASE a.kind WHEN 'script' THEN (SELECT jsonb_strip_nulls(jsonb_build_object('output', left(v.output, 4000),
                              'data', CASE WHEN length(v.data::text) <= 8000 THEN v.data END)) FROM value_script v WHERE v.value = e.new)
                     WHEN 'service' THEN (SELECT jsonb_strip_nulls(to_jsonb(v) - 'value' - 'kept_at') FROM value_service v WHERE v.value = e.new)
                     ELSE shown(a.kind, e.new, e.zone_id, e.addr, e.slot) END,
         e.old_since
    FROM e JOIN z USING (zone_id) JOIN attr a USING (attr_id) ORDER BY z.name, e.addr, e.slot, e.attr_id;
END $$;

-- What changed in a day, or between two times, without reading whole months: rows lie nearly in order of time.
CREATE INDEX change_when ON inv.change USING brin (at) WITH (pages_per_range = 32);

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA inv, report, ops FROM PUBLIC;
SELECT ops.grant_roles();
