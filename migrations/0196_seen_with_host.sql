-- What went with its host was last seen with it: ports and results of scripts of a host that is gone were "seen" at each later look at their block.
CREATE OR REPLACE VIEW report.service AS
SELECT z.name AS zone, s.addr AS address, o.value AS asset_id, inv.protocol(s.slot) AS protocol, s.slot & 65535 AS port,
       COALESCE(v.name, pn.name) AS service, v.product, v.version, v.extra, v.hostname, v.os, v.device, v.tunnel, COALESCE(v.cpe, '{}') AS cpe,
       CASE WHEN v.value IS NULL THEN 'table' ELSE 'probed' END AS method,
       CASE WHEN c.fresh IS NOT TRUE THEN 'unknown' WHEN h.addr IS NULL THEN 'dormant' ELSE 'open' END AS state,
       s.since AS first_seen, GREATEST(s.since, LEAST(COALESCE(d.seen_at, c.last_at), g.seen_at)) AS last_seen, c.last_at AS last_checked,
       COALESCE(d.misses, 0)::int4 AS misses
  FROM inv.fact_now s
  JOIN inv.zone z ON z.zone_id = s.zone_id
  LEFT JOIN inv.port_name pn ON pn.slot = s.slot
  LEFT JOIN inv.fact_now fv ON fv.zone_id = s.zone_id AND fv.addr = s.addr AND fv.slot = s.slot AND fv.attr_id = 11
  LEFT JOIN inv.value_service v ON v.value = fv.value
  LEFT JOIN inv.fact_now h ON h.zone_id = s.zone_id AND h.addr = s.addr AND h.attr_id = 1
  LEFT JOIN inv.fact_now o ON o.zone_id = s.zone_id AND o.addr = s.addr AND o.slot = 0 AND o.attr_id = 0
  LEFT JOIN inv.doubt d ON d.zone_id = s.zone_id AND d.addr = s.addr AND d.slot = s.slot AND d.attr_id = s.attr_id
  LEFT JOIN LATERAL (SELECT COALESCE(x.seen_at, x.at) AS seen_at FROM inv.change x
                      WHERE h.addr IS NULL AND x.zone_id = s.zone_id AND x.addr = s.addr AND x.attr_id = 1 AND x.new_value IS NULL
                      ORDER BY x.at DESC LIMIT 1) g ON true
  LEFT JOIN LATERAL (SELECT max(q.last_at) AS last_at,
                            bool_or(q.retired_at IS NULL AND q.last_at > now() - 3 * p.every - interval '10 minutes') AS fresh
                       FROM inv.schedule q JOIN inv.profile p USING (profile_id)
                      WHERE q.block_id = inv.block_of(s.zone_id, s.addr) AND p.kind = 'ports' AND p.slots @> s.slot) c ON true
 WHERE s.attr_id = 10;
COMMENT ON COLUMN report.service.last_seen IS 'last time it was seen open; of a dormant one: not after its host';

CREATE OR REPLACE VIEW report.script_result AS
SELECT z.name AS zone, s.addr AS address, inv.protocol(s.slot) AS protocol, NULLIF(s.slot & 65535, 0) AS port, a.name AS script,
       v.output, v.data, h.addr IS NOT NULL AS present, s.since AS first_seen,
       GREATEST(s.since, LEAST(COALESCE(d.seen_at, c.last_at), g.seen_at)) AS last_seen, c.last_at AS last_checked, COALESCE(d.misses, 0)::int4 AS misses
  FROM inv.fact_now s
  JOIN inv.attr a ON a.attr_id = s.attr_id AND a.kind = 'script'
  JOIN inv.zone z ON z.zone_id = s.zone_id
  LEFT JOIN inv.value_script v ON v.value = s.value
  LEFT JOIN inv.fact_now h ON h.zone_id = s.zone_id AND h.addr = s.addr AND h.attr_id = 1
  LEFT JOIN inv.doubt d ON d.zone_id = s.zone_id AND d.addr = s.addr AND d.slot = s.slot AND d.attr_id = s.attr_id
  LEFT JOIN LATERAL (SELECT COALESCE(x.seen_at, x.at) AS seen_at FROM inv.change x
                      WHERE h.addr IS NULL AND x.zone_id = s.zone_id AND x.addr = s.addr AND x.attr_id = 1 AND x.new_value IS NULL
                      ORDER BY x.at DESC LIMIT 1) g ON true
  LEFT JOIN LATERAL (SELECT max(q.last_at) AS last_at FROM inv.schedule q JOIN inv.script_set x USING (set_id)
                      WHERE q.block_id = inv.block_of(s.zone_id, s.addr) AND s.attr_id = ANY(x.attrs)) c ON true;
COMMENT ON COLUMN report.script_result.last_seen IS 'last time the script said so; of a host that is gone: not after it';
