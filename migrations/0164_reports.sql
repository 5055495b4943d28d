-- What reports said of another device, another zone or more than is known; and what is new is found by its time.

-- Texts of scripts that may be anything: NULL instead of an error.  In two steps: the parts of an AND are asked in any order.
CREATE OR REPLACE FUNCTION inv.time_of(p text) RETURNS timestamptz LANGUAGE sql STABLE SET timezone = 'UTC' AS $$
  SELECT CASE WHEN p ~ '^(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]' THEN
         CASE WHEN substr(p, 9, 2) <= to_char((left(p, 7) || '-01')::date + interval '1 month - 1 day', 'DD')
              THEN left(p, 19)::timestamp AT TIME ZONE 'UTC' END END $$;

-- Which asset held an address then, or what that one is part of now; NULL: none.
CREATE FUNCTION inv.holder_then(p_zone int4, p_addr inet, p_at timestamptz) RETURNS uuid LANGUAGE sql STABLE AS $$
  SELECT inv.asset_now(q.value) FROM (
    SELECT f.value FROM inv.fact_now f WHERE f.zone_id = p_zone AND f.addr = p_addr AND f.slot = 0 AND f.attr_id = 0 AND f.since <= p_at
    UNION ALL
    (SELECT c.old_value FROM inv.change c WHERE c.zone_id = p_zone AND c.addr = p_addr AND c.slot = 0 AND c.attr_id = 0
        AND c.at > p_at AND c.old_since <= p_at ORDER BY c.at LIMIT 1)) q LIMIT 1 $$;

-- Ports that opened: with what became of them.
CREATE OR REPLACE FUNCTION inv.opened_services(p_days int4, p_again bool) RETURNS SETOF report.new_services_row
LANGUAGE sql STABLE AS $$
  SELECT z.name, c.addr, o.holder, inv.asset_name(o.holder), inv.protocol(c.slot), c.slot & 65535, COALESCE(v.name, n.name), v.product, v.version,
         NOT c.news, CASE WHEN e.at IS NOT NULL THEN 'closed' WHEN h.addr IS NULL THEN 'dormant' ELSE 'open' END,
         c.at, c.noted_at, tstzrange(c.at, e.at)
    FROM inv.change c JOIN inv.zone z USING (zone_id)
    LEFT JOIN inv.fact_now h ON h.zone_id = c.zone_id AND h.addr = c.addr AND h.slot = 0 AND h.attr_id = 1
    LEFT JOIN LATERAL (SELECT x.at, x.seen_at FROM inv.change x WHERE x.zone_id = c.zone_id AND x.addr = c.addr AND x.slot = c.slot AND x.attr_id = 10
                          AND x.old_since = c.at ORDER BY x.at LIMIT 1) e ON true
    LEFT JOIN inv.port_name n ON n.slot = c.slot
    -- what was found out last while it was open, and whose it was when it was seen last
    CROSS JOIN LATERAL (SELECT inv.holder_then(c.zone_id, c.addr, COALESCE(LEAST(e.seen_at, e.at - interval '1 microsecond'), now())) AS holder) o
    LEFT JOIN LATERAL inv.service_then(c.zone_id, c.addr, c.slot, COALESCE(e.at - interval '1 microsecond', now())) v ON true
   WHERE c.attr_id = 10 AND c.old_value IS NULL AND c.at > now() - make_interval(days => p_days)
     AND (NOT p_again OR EXISTS (SELECT FROM inv.change x WHERE x.zone_id = c.zone_id AND x.addr = c.addr AND x.slot = c.slot AND x.attr_id = 10
                                    AND x.new_value IS NULL AND x.at < c.at))
   ORDER BY c.at DESC, z.name, c.addr, c.slot $$;

CREATE OR REPLACE FUNCTION report.closed_services(days int4 DEFAULT 7) RETURNS SETOF report.closed_services_row
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  SELECT z.name, c.addr, o.holder, asset_name(o.holder), protocol(c.slot), c.slot & 65535, COALESCE(v.name, n.name), v.product, v.version,
         CASE c.cause WHEN 'r' THEN 'another device has the address' WHEN 'x' THEN 'expired' ELSE 'confirmed closed' END,
         c.old_since, c.seen_at, c.at, c.noted_at, tstzrange(c.old_since, c.at)
    FROM change c JOIN zone z USING (zone_id)
    -- whose it was when it was seen last: an address may go to another device some time before its ports are missed
    CROSS JOIN LATERAL (SELECT holder_then(c.zone_id, c.addr, LEAST(c.seen_at, c.at - interval '1 microsecond')) AS holder) o
    LEFT JOIN port_name n ON n.slot = c.slot
    LEFT JOIN LATERAL service_then(c.zone_id, c.addr, c.slot, c.at - interval '1 microsecond') v ON true
   WHERE c.attr_id = 10 AND c.new_value IS NULL AND c.at > now() - make_interval(days => closed_services.days)
   ORDER BY c.at DESC, z.name, c.addr, c.slot $$;

-- The zone is a parameter: among the first hundred of all there may be none of it.
DROP FUNCTION report.top_changers(int4);
CREATE FUNCTION report.top_changers(days int4 DEFAULT 7, zone text DEFAULT NULL) RETURNS SETOF report.top_changers_row
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  SELECT z.name, q.addr, f.value, asset_name(f.value), q.n, q.news, q.last_at
    FROM (SELECT c.zone_id, c.addr, count(*) AS n, count(*) FILTER (WHERE c.news) AS news, max(c.at) AS last_at
            FROM change c WHERE c.at > now() - make_interval(days => top_changers.days)
             AND (top_changers.zone IS NULL OR c.zone_id IN (SELECT s.zone_id FROM zone s WHERE s.name = top_changers.zone))
           GROUP BY c.zone_id, c.addr ORDER BY count(*) FILTER (WHERE c.news) DESC, count(*) DESC LIMIT 100) q
    JOIN zone z USING (zone_id)
    LEFT JOIN fact_now f ON f.zone_id = q.zone_id AND f.addr = q.addr AND f.slot = 0 AND f.attr_id = 0
   ORDER BY q.news DESC, q.n DESC, z.name, q.addr $$;
COMMENT ON FUNCTION report.top_changers(int4, text) IS 'the 100 addresses with the most changes';
UPDATE report.catalog SET params = params || '[{"name": "zone", "type": "text", "default": "all", "help": "of this zone alone"}]' WHERE name = 'top_changers';

-- What services and scripts said is looked up here, as inv.shown() does it, but without the call of a function that sets up its surroundings for each
-- value: two times may lie 100,000 changes apart.
CREATE OR REPLACE FUNCTION report.diff(t1 timestamptz, t2 timestamptz DEFAULT now(), zone text DEFAULT NULL) RETURNS SETOF report.diff_row
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = inv, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH z AS MATERIALIZED (SELECT z.zone_id, z.name FROM zone z WHERE (diff.zone IS NULL OR z.name = diff.zone) AND reaches(z.zone_id, diff.t1)
                              AND scripts_reach(z.zone_id, diff.t1)),
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

-- muster status and muster changes ask for what was noted since: rows lie nearly in that order.
CREATE INDEX change_noted ON inv.change USING brin (noted_at) WITH (pages_per_range = 32);

REVOKE ALL ON FUNCTION inv.holder_then(int4, inet, timestamptz), report.top_changers(int4, text) FROM PUBLIC;
SELECT ops.grant_roles();
