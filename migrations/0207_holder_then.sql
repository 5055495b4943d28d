-- Who held an address is told by the MAC address that it had then: report.change, report.facts_at and report.diff told of a phone the last one that it made
-- up, whenever that was.  (The command line looked it up itself.)
CREATE FUNCTION inv.holder_shown(p_asset uuid, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER SET search_path = inv, pg_temp AS $$
BEGIN
  RETURN jsonb_strip_nulls(jsonb_build_object('asset', p_asset, 'mac', COALESCE(
    (SELECT string_agg(DISTINCT k.key, ' ' ORDER BY k.key) FROM asset_key k WHERE k.asset_id = p_asset AND k.kind IN (1, 2) AND k.since <= p_at AND k.until > p_at),
    -- before it showed its first, or between two: the one before, else the first; those of its cards all
    (SELECT string_agg(DISTINCT k.key, ' ' ORDER BY k.key) FROM asset_key k WHERE k.asset_id = p_asset AND k.kind = 1),
    (SELECT k.key FROM asset_key k WHERE k.asset_id = p_asset AND k.kind = 2
      ORDER BY k.since > p_at, CASE WHEN k.since > p_at THEN k.since END, k.until DESC, k.since DESC LIMIT 1))));
END $$;

CREATE OR REPLACE VIEW report.change AS
SELECT c.noted_at, c.at, z.name AS zone, c.addr AS address, inv.protocol(c.slot) AS protocol, NULLIF(c.slot & 65535, 0) AS port,
       a.kind, a.name AS attribute,
       CASE c.cause WHEN 'o' THEN 'opened' WHEN 'b' THEN 'returned' WHEN 'v' THEN 'changed' WHEN 'c' THEN 'closed'
                    WHEN 'p' THEN 'went with its port' WHEN 'r' THEN 'reassigned' WHEN 'm' THEN 'moved with its asset' WHEN 'x' THEN 'expired'
                    WHEN 'u' THEN 'unconfirmed' END AS what,
       c.news, CASE WHEN c.news THEN CASE a.kind
         WHEN 'presence' THEN CASE c.cause WHEN 'o' THEN 'host.appeared' WHEN 'b' THEN 'host.returned' ELSE 'host.gone' END
         WHEN 'holder' THEN 'host.replaced'
         WHEN 'port' THEN CASE WHEN c.old_value IS NULL THEN 'port.opened' ELSE 'port.closed' END
         ELSE COALESCE(a.noun, a.kind) || CASE WHEN c.old_value IS NULL THEN '.appeared' WHEN c.new_value IS NULL THEN '.gone' ELSE '.changed' END
       END END AS type,
       CASE a.kind WHEN 'holder' THEN inv.holder_shown(c.old_value, c.at - interval '1 microsecond') ELSE inv.shown(a.kind, c.old_value, c.zone_id, c.addr, c.slot) END AS old,
       CASE a.kind WHEN 'holder' THEN inv.holder_shown(c.new_value, c.at) ELSE inv.shown(a.kind, c.new_value, c.zone_id, c.addr, c.slot) END AS new,
       c.old_since, c.seen_at AS last_seen, p.name AS pass, c.tx, c.change_id
  FROM inv.change c JOIN inv.attr a USING (attr_id) JOIN inv.zone z USING (zone_id) LEFT JOIN inv.profile p USING (profile_id);

CREATE OR REPLACE FUNCTION report.facts_at(p_zone text, p_t timestamptz)
RETURNS TABLE (address inet, protocol text, port int4, kind text, attribute text, value jsonb, since timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  SELECT q.addr, protocol(q.slot), NULLIF(q.slot & 65535, 0), a.kind, a.name, CASE a.kind WHEN 'holder' THEN holder_shown(q.value, p_t) ELSE shown(a.kind, q.value, z.zone_id, q.addr, q.slot) END, q.since
    FROM zone z, LATERAL facts_then(z.zone_id, p_t, NULL, '{[0,)}') q JOIN attr a USING (attr_id)
   WHERE z.name = p_zone AND reaches(z.zone_id, p_t) AND scripts_reach(z.zone_id, p_t) $$;

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
                     WHEN 'holder' THEN holder_shown(e.old, diff.t1) ELSE shown(a.kind, e.old, e.zone_id, e.addr, e.slot) END,
         CASE a.kind WHEN 'script' THEN (SELECT jsonb_strip_nulls(jsonb_build_object('output', left(v.output, 4000),
                              'data', CASE WHEN length(v.data::text) <= 8000 THEN v.data END)) FROM value_script v WHERE v.value = e.new)
                     WHEN 'service' THEN (SELECT jsonb_strip_nulls(to_jsonb(v) - 'value' - 'kept_at') FROM value_service v WHERE v.value = e.new)
                     WHEN 'holder' THEN holder_shown(e.new, diff.t2) ELSE shown(a.kind, e.new, e.zone_id, e.addr, e.slot) END,
         e.old_since
    FROM e JOIN z USING (zone_id) JOIN attr a USING (attr_id) ORDER BY z.name, e.addr, e.slot, e.attr_id;
END $$;

REVOKE ALL ON FUNCTION inv.holder_shown(uuid, timestamptz) FROM PUBLIC;
SELECT ops.grant_roles();
