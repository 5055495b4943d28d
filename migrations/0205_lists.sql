-- Lists of a large inventory.  The views look each thing up by key, or join all of it: the planner chooses, since nothing here is a function that it
-- can not see into.  Which blocks an address is in is found once for each address (max() over one row: such a join is known to have one, so that it is
-- left out where nobody asks for it), what was looked at there once for each block and port, and when a host was seen last only where it is gone.
-- OFFSET 0: of what the planner knows to be one row it remembers nothing from one row to the next when there is a condition on it, such as a state.

CREATE OR REPLACE VIEW report.host AS
SELECT z.name AS zone, o.addr AS address, o.value AS asset_id,
       CASE WHEN c.fresh IS NOT TRUE THEN 'unknown' WHEN h.addr IS NULL THEN 'absent' ELSE 'present' END AS state,
       m.body AS mac, n.vendor, d.body AS hostname, n.reason,
       o.since AS first_seen, h.since AS present_since,
       CASE WHEN h.addr IS NULL THEN (SELECT COALESCE(x.seen_at, x.at) FROM inv.change x
              WHERE x.zone_id = o.zone_id AND x.addr = o.addr AND x.attr_id = 1 AND x.new_value IS NULL ORDER BY x.at DESC LIMIT 1)
            ELSE COALESCE(q.seen_at, GREATEST(h.since, c.last_at)) END AS last_seen,
       c.last_at AS last_checked, COALESCE(q.misses, 0)::int4 AS misses,
       (SELECT count(*)::int4 FROM inv.fact_now p WHERE p.zone_id = o.zone_id AND p.addr = o.addr AND p.attr_id = 10) AS open_ports
  FROM inv.fact_now o
  JOIN inv.zone z ON z.zone_id = o.zone_id
  LEFT JOIN inv.fact_now h ON h.zone_id = o.zone_id AND h.addr = o.addr AND h.slot = 0 AND h.attr_id = 1
  LEFT JOIN inv.doubt q ON q.zone_id = o.zone_id AND q.addr = o.addr AND q.slot = 0 AND q.attr_id = 1
  LEFT JOIN inv.host_note n ON n.zone_id = o.zone_id AND n.addr = o.addr
  LEFT JOIN inv.fact_now fm ON fm.zone_id = o.zone_id AND fm.addr = o.addr AND fm.slot = 0 AND fm.attr_id = 2
  LEFT JOIN inv.value_text m ON m.value = fm.value
  LEFT JOIN inv.fact_now fd ON fd.zone_id = o.zone_id AND fd.addr = o.addr AND fd.slot = 0 AND fd.attr_id = 3
  LEFT JOIN inv.value_text d ON d.value = fd.value
  -- as inv.blocks_of() has it
  LEFT JOIN LATERAL (
    SELECT max(u.blocks) AS blocks FROM (SELECT CASE family(o.addr)
      WHEN 4 THEN ARRAY(SELECT k.block_id FROM inv.block k WHERE k.zone_id = o.zone_id AND k.hi >= o.addr
                           AND k.lo BETWEEN o.addr - LEAST(o.addr - '0.0.0.0', 255) AND o.addr)
      ELSE ARRAY(SELECT k.block_id FROM inv.block k WHERE k.zone_id = o.zone_id AND k.hi >= o.addr
                    AND k.lo BETWEEN CASE WHEN o.addr >= '::ff' THEN o.addr - 255 ELSE '::' END AND o.addr
                 UNION
                 SELECT k.block_id FROM inv.block k WHERE k.zone_id = o.zone_id AND k.lo <= o.addr AND k.hi >= o.addr AND inv.is_wide(k.lo, k.hi)) END AS blocks) u) b ON true
  LEFT JOIN LATERAL (SELECT * FROM (
    SELECT max(s.last_at) AS last_at, bool_or(s.retired_at IS NULL AND s.last_at > now() - 3 * p.every - interval '10 minutes') AS fresh
      FROM inv.schedule s JOIN inv.profile p USING (profile_id)
     WHERE s.block_id = ANY(b.blocks) AND p.kind IN ('presence', 'ports')) c OFFSET 0) c ON true
 WHERE o.attr_id = 0 AND o.slot = 0;

-- The same of all addresses of an asset, which is found by its key first.
CREATE OR REPLACE VIEW report.asset AS
SELECT a.asset_id, z.name AS zone, COALESCE(a.label, min(d.body), host(min(o.addr))) AS name,
       CASE WHEN bool_or(c.fresh AND h.addr IS NOT NULL) THEN 'present' WHEN bool_or(c.fresh IS NOT TRUE) THEN 'unknown' ELSE 'absent' END AS state,
       array_agg(o.addr ORDER BY o.addr) AS addresses,
       (SELECT array_agg(k.key ORDER BY k.since) FROM inv.asset_key k WHERE k.asset_id = a.asset_id AND k.kind = 1 AND k.until = 'infinity') AS macs,
       min(n.vendor) AS vendor, min(d.body) AS hostname,
       sum((SELECT count(*) FROM inv.fact_now p WHERE p.zone_id = o.zone_id AND p.addr = o.addr AND p.attr_id = 10))::int4 AS open_ports,
       a.made_at AS first_seen,
       max(CASE WHEN h.addr IS NULL THEN (SELECT COALESCE(x.seen_at, x.at) FROM inv.change x
                  WHERE x.zone_id = o.zone_id AND x.addr = o.addr AND x.attr_id = 1 AND x.new_value IS NULL ORDER BY x.at DESC LIMIT 1)
                ELSE COALESCE(q.seen_at, GREATEST(h.since, c.last_at)) END) AS last_seen, a.label, a.note,
       array_agg(DISTINCT m.body) FILTER (WHERE m.body IS NOT NULL) AS macs_seen
  FROM inv.asset a
  JOIN inv.zone z ON z.zone_id = a.zone_id
  JOIN inv.asset_place l ON l.asset_id = a.asset_id AND l.zone_id = a.zone_id
  JOIN inv.fact_now o ON o.zone_id = l.zone_id AND o.addr = l.addr AND o.slot = 0 AND o.attr_id = 0
  LEFT JOIN inv.fact_now h ON h.zone_id = o.zone_id AND h.addr = o.addr AND h.slot = 0 AND h.attr_id = 1
  LEFT JOIN inv.doubt q ON q.zone_id = o.zone_id AND q.addr = o.addr AND q.slot = 0 AND q.attr_id = 1
  LEFT JOIN inv.host_note n ON n.zone_id = o.zone_id AND n.addr = o.addr
  LEFT JOIN inv.fact_now fm ON fm.zone_id = o.zone_id AND fm.addr = o.addr AND fm.slot = 0 AND fm.attr_id = 2
  LEFT JOIN inv.value_text m ON m.value = fm.value
  LEFT JOIN inv.fact_now fd ON fd.zone_id = o.zone_id AND fd.addr = o.addr AND fd.slot = 0 AND fd.attr_id = 3
  LEFT JOIN inv.value_text d ON d.value = fd.value
  LEFT JOIN LATERAL (
    SELECT max(u.blocks) AS blocks FROM (SELECT CASE family(o.addr)
      WHEN 4 THEN ARRAY(SELECT k.block_id FROM inv.block k WHERE k.zone_id = o.zone_id AND k.hi >= o.addr
                           AND k.lo BETWEEN o.addr - LEAST(o.addr - '0.0.0.0', 255) AND o.addr)
      ELSE ARRAY(SELECT k.block_id FROM inv.block k WHERE k.zone_id = o.zone_id AND k.hi >= o.addr
                    AND k.lo BETWEEN CASE WHEN o.addr >= '::ff' THEN o.addr - 255 ELSE '::' END AND o.addr
                 UNION
                 SELECT k.block_id FROM inv.block k WHERE k.zone_id = o.zone_id AND k.lo <= o.addr AND k.hi >= o.addr AND inv.is_wide(k.lo, k.hi)) END AS blocks) u) b ON true
  LEFT JOIN LATERAL (SELECT max(s.last_at) AS last_at,
                            bool_or(s.retired_at IS NULL AND s.last_at > now() - 3 * p.every - interval '10 minutes') AS fresh
                       FROM inv.schedule s JOIN inv.profile p USING (profile_id)
                      WHERE s.block_id = ANY(b.blocks) AND p.kind IN ('presence', 'ports')) c ON true
 GROUP BY a.asset_id, z.name;
COMMENT ON COLUMN report.asset.macs_seen IS 'MAC addresses that answer at its addresses: those of phones, which make up their own, too';

CREATE OR REPLACE VIEW report.service AS
SELECT z.name AS zone, s.addr AS address, o.holder AS asset_id, inv.protocol(s.slot) AS protocol, s.slot & 65535 AS port,
       COALESCE(v.name, pn.name) AS service, v.product, v.version, v.extra, v.hostname, v.os, v.device, v.tunnel, COALESCE(v.cpe, '{}') AS cpe,
       CASE WHEN v.value IS NULL THEN 'table' ELSE 'probed' END AS method,
       CASE WHEN c.fresh IS NOT TRUE THEN 'unknown' WHEN o.there_since IS NULL THEN 'dormant' ELSE 'open' END AS state,
       s.since AS first_seen, GREATEST(s.since, LEAST(COALESCE(d.seen_at, c.last_at),
         -- a look before the host was back, or of a host that is gone, saw nothing after it went
         CASE WHEN o.there_since IS NULL THEN o.gone_at
              WHEN o.there_since > c.last_at THEN (SELECT COALESCE(x.seen_at, x.at) FROM inv.change x
                WHERE x.zone_id = s.zone_id AND x.addr = s.addr AND x.attr_id = 1 AND x.new_value IS NULL ORDER BY x.at DESC LIMIT 1) END)) AS last_seen, c.last_at AS last_checked,
       COALESCE(d.misses, 0)::int4 AS misses
  FROM inv.fact_now s
  JOIN inv.zone z ON z.zone_id = s.zone_id
  LEFT JOIN inv.port_name pn ON pn.slot = s.slot
  LEFT JOIN inv.fact_now fv ON fv.zone_id = s.zone_id AND fv.addr = s.addr AND fv.slot = s.slot AND fv.attr_id = 11
  LEFT JOIN inv.value_service v ON v.value = fv.value
  LEFT JOIN (
    SELECT o.zone_id, o.addr, o.value AS holder, h.since AS there_since, b.blocks,
           CASE WHEN h.addr IS NULL THEN (SELECT COALESCE(x.seen_at, x.at) FROM inv.change x
             WHERE x.zone_id = o.zone_id AND x.addr = o.addr AND x.attr_id = 1 AND x.new_value IS NULL ORDER BY x.at DESC LIMIT 1) END AS gone_at
      FROM inv.fact_now o
      LEFT JOIN inv.fact_now h ON h.zone_id = o.zone_id AND h.addr = o.addr AND h.slot = 0 AND h.attr_id = 1
      LEFT JOIN LATERAL (
        SELECT max(u.blocks) AS blocks FROM (SELECT CASE family(o.addr)
          WHEN 4 THEN ARRAY(SELECT k.block_id FROM inv.block k WHERE k.zone_id = o.zone_id AND k.hi >= o.addr
                               AND k.lo BETWEEN o.addr - LEAST(o.addr - '0.0.0.0', 255) AND o.addr)
          ELSE ARRAY(SELECT k.block_id FROM inv.block k WHERE k.zone_id = o.zone_id AND k.hi >= o.addr
                        AND k.lo BETWEEN CASE WHEN o.addr >= '::ff' THEN o.addr - 255 ELSE '::' END AND o.addr
                     UNION
                     SELECT k.block_id FROM inv.block k WHERE k.zone_id = o.zone_id AND k.lo <= o.addr AND k.hi >= o.addr AND inv.is_wide(k.lo, k.hi)) END AS blocks) u) b ON true
     WHERE o.slot = 0 AND o.attr_id = 0) o ON o.zone_id = s.zone_id AND o.addr = s.addr
  LEFT JOIN inv.doubt d ON d.zone_id = s.zone_id AND d.addr = s.addr AND d.slot = s.slot AND d.attr_id = s.attr_id
  LEFT JOIN LATERAL (SELECT * FROM (
    SELECT max(q.last_at) AS last_at, bool_or(q.retired_at IS NULL AND q.last_at > now() - 3 * p.every - interval '10 minutes') AS fresh
      FROM inv.schedule q JOIN inv.profile p USING (profile_id)
     WHERE q.block_id = ANY(o.blocks) AND p.kind = 'ports' AND p.slots @> s.slot) c OFFSET 0) c ON true
 WHERE s.attr_id = 10;

CREATE OR REPLACE VIEW report.script_result AS
SELECT z.name AS zone, s.addr AS address, inv.protocol(s.slot) AS protocol, NULLIF(s.slot & 65535, 0) AS port, a.name AS script,
       v.output, v.data, o.there_since IS NOT NULL AS present, s.since AS first_seen,
       GREATEST(s.since, LEAST(COALESCE(d.seen_at, c.last_at),
         -- a look before the host was back, or of a host that is gone, saw nothing after it went
         CASE WHEN o.there_since IS NULL THEN o.gone_at
              WHEN o.there_since > c.last_at THEN (SELECT COALESCE(x.seen_at, x.at) FROM inv.change x
                WHERE x.zone_id = s.zone_id AND x.addr = s.addr AND x.attr_id = 1 AND x.new_value IS NULL ORDER BY x.at DESC LIMIT 1) END)) AS last_seen, c.last_at AS last_checked, COALESCE(d.misses, 0)::int4 AS misses,
       COALESCE(d.errors, 0)::int4 AS errors
  FROM inv.fact_now s
  JOIN inv.attr a ON a.attr_id = s.attr_id AND a.kind = 'script'
  JOIN inv.zone z ON z.zone_id = s.zone_id
  LEFT JOIN inv.value_script v ON v.value = s.value
  LEFT JOIN (
    SELECT o.zone_id, o.addr, h.since AS there_since, b.blocks,
           CASE WHEN h.addr IS NULL THEN (SELECT COALESCE(x.seen_at, x.at) FROM inv.change x
             WHERE x.zone_id = o.zone_id AND x.addr = o.addr AND x.attr_id = 1 AND x.new_value IS NULL ORDER BY x.at DESC LIMIT 1) END AS gone_at
      FROM inv.fact_now o
      LEFT JOIN inv.fact_now h ON h.zone_id = o.zone_id AND h.addr = o.addr AND h.slot = 0 AND h.attr_id = 1
      LEFT JOIN LATERAL (
        SELECT max(u.blocks) AS blocks FROM (SELECT CASE family(o.addr)
          WHEN 4 THEN ARRAY(SELECT k.block_id FROM inv.block k WHERE k.zone_id = o.zone_id AND k.hi >= o.addr
                               AND k.lo BETWEEN o.addr - LEAST(o.addr - '0.0.0.0', 255) AND o.addr)
          ELSE ARRAY(SELECT k.block_id FROM inv.block k WHERE k.zone_id = o.zone_id AND k.hi >= o.addr
                        AND k.lo BETWEEN CASE WHEN o.addr >= '::ff' THEN o.addr - 255 ELSE '::' END AND o.addr
                     UNION
                     SELECT k.block_id FROM inv.block k WHERE k.zone_id = o.zone_id AND k.lo <= o.addr AND k.hi >= o.addr AND inv.is_wide(k.lo, k.hi)) END AS blocks) u) b ON true
     WHERE o.slot = 0 AND o.attr_id = 0) o ON o.zone_id = s.zone_id AND o.addr = s.addr
  LEFT JOIN inv.doubt d ON d.zone_id = s.zone_id AND d.addr = s.addr AND d.slot = s.slot AND d.attr_id = s.attr_id
  LEFT JOIN LATERAL (SELECT max(r.last_at) AS last_at
                       FROM inv.schedule q
                       CROSS JOIN LATERAL (SELECT q.last_set AS set_id, q.last_at UNION ALL
                                           SELECT l.set_id, l.last_at FROM inv.former_set l WHERE l.schedule_id = q.schedule_id) r
                       JOIN inv.script_set x ON x.set_id = r.set_id
                      WHERE q.kind = 'scripts' AND q.block_id = ANY(o.blocks) AND s.attr_id = ANY(x.attrs)) c ON true;

SELECT ops.grant_roles();
