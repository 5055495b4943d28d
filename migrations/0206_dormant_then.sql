-- What went with its host was last seen with it, also in the inventory as it was: report.service_at told of each later look at the block, as report.service
-- did before 0196.
CREATE OR REPLACE FUNCTION report.service_at(at timestamptz, zone text DEFAULT NULL, address inet DEFAULT NULL, asset uuid DEFAULT NULL) RETURNS SETOF report.service_at_row
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = inv, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE z record;
BEGIN
  FOR z IN SELECT * FROM places_then(service_at.zone, service_at.address, service_at.asset, service_at.at) p ORDER BY p.name, p.addr LOOP
    RETURN QUERY
    WITH f AS MATERIALIZED (SELECT * FROM facts_then(z.zone_id, service_at.at, z.addr, '{[0,2),[10,12)}')),
    -- of a host that was gone: once for each, not for each of its ports
    g AS MATERIALIZED (
      SELECT o.addr, (SELECT COALESCE(x.seen_at, x.at) FROM change x WHERE x.zone_id = z.zone_id AND x.addr = o.addr AND x.attr_id = 1 AND x.new_value IS NULL
                         AND x.at <= service_at.at ORDER BY x.at DESC LIMIT 1) AS seen_at
        FROM f o LEFT JOIN f h ON h.addr = o.addr AND CASE WHEN h.slot = 0 AND h.attr_id = 1 THEN true ELSE false END
       WHERE CASE WHEN o.slot = 0 AND o.attr_id = 0 THEN true ELSE false END AND h.addr IS NULL),
    q AS (
      SELECT DISTINCT ON (s.addr, s.slot) s.addr, s.slot, s.since, s.seen_at, o.value AS holder, h.since AS there_since, d.value AS probed, d.since AS probed_since,
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
           CASE WHEN s.fresh IS NOT TRUE THEN 'unknown' WHEN s.there_since IS NULL THEN 'dormant' ELSE 'open' END,
           s.since, GREATEST(s.since, s.probed_since),
           GREATEST(s.since, LEAST(COALESCE(CASE WHEN s.seen_at <= service_at.at THEN s.seen_at END, s.last_at),
             -- a look before the host was back, or of a host that is gone, saw nothing after it went
             CASE WHEN s.there_since IS NULL THEN g.seen_at
                  WHEN s.there_since > s.last_at THEN (SELECT COALESCE(x.seen_at, x.at) FROM change x WHERE x.zone_id = z.zone_id AND x.addr = s.addr AND x.attr_id = 1
                    AND x.new_value IS NULL AND x.at <= service_at.at ORDER BY x.at DESC LIMIT 1) END)), s.last_at
      FROM q s LEFT JOIN g ON g.addr = s.addr LEFT JOIN LATERAL (SELECT * FROM value_service x WHERE x.value = s.probed OFFSET 0) v ON true;
  END LOOP;
END $$;
COMMENT ON COLUMN report.service_at_row.last_seen IS 'last time until then that it was seen open; of a dormant one: not after its host';
