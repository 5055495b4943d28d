-- Ports that closed: whose they were, what it is called and what answered there are found in the query itself, not by three functions for each port.
-- As inv.holder_then(), asset_name() and service_then() have it; the one of merged assets is asked where there was a merge.
CREATE OR REPLACE FUNCTION report.closed_services(days int4 DEFAULT 7) RETURNS SETOF report.closed_services_row
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  SELECT z.name, c.addr, CASE WHEN a.merged_into IS NULL THEN a.asset_id ELSE asset_now(a.merged_into) END,
         CASE WHEN a.merged_into IS NULL THEN m.name ELSE asset_name(asset_now(a.merged_into)) END,
         protocol(c.slot), c.slot & 65535, COALESCE(v.name, n.name), v.product, v.version,
         CASE c.cause WHEN 'r' THEN 'another device has the address' WHEN 'x' THEN 'expired' ELSE 'confirmed closed' END,
         c.old_since, c.seen_at, c.at, c.noted_at, tstzrange(c.old_since, c.at)
    FROM (
      SELECT q.*,
             -- whose it was when it was seen last: an address may go to another device some time before its ports are missed
             CASE WHEN o.since <= q.seen THEN o.value ELSE (SELECT x.old_value FROM change x
               WHERE x.zone_id = q.zone_id AND x.addr = q.addr AND x.slot = 0 AND x.attr_id = 0
                 AND x.at > q.seen AND x.old_since <= q.seen ORDER BY x.at LIMIT 1) END AS holder,
             CASE WHEN s.since <= q.before THEN s.value ELSE (SELECT x.old_value FROM change x
               WHERE x.zone_id = q.zone_id AND x.addr = q.addr AND x.slot = q.slot AND x.attr_id = 11
                 AND x.at >= q.before AND x.old_since <= q.before ORDER BY x.at LIMIT 1) END AS service
        FROM (SELECT c.*, c.at - interval '1 microsecond' AS before, LEAST(c.seen_at, c.at - interval '1 microsecond') AS seen FROM change c
               WHERE c.attr_id = 10 AND c.new_value IS NULL AND c.at > now() - make_interval(days => closed_services.days)) q
        LEFT JOIN fact_now o ON o.zone_id = q.zone_id AND o.addr = q.addr AND o.slot = 0 AND o.attr_id = 0
        LEFT JOIN fact_now s ON s.zone_id = q.zone_id AND s.addr = q.addr AND s.slot = q.slot AND s.attr_id = 11
      OFFSET 0) c
    JOIN zone z USING (zone_id)
    LEFT JOIN port_name n ON n.slot = c.slot
    LEFT JOIN value_service v ON v.value = c.service
    LEFT JOIN asset a ON a.asset_id = c.holder
    LEFT JOIN LATERAL (
      SELECT COALESCE(a.label, (SELECT min(t.body) FROM asset_place l
                                  JOIN fact_now f ON f.zone_id = l.zone_id AND f.addr = l.addr AND f.slot = 0 AND f.attr_id = 3
                                  JOIN value_text t ON t.value = f.value WHERE l.asset_id = a.asset_id),
                      (SELECT host(min(l.addr)) FROM asset_place l WHERE l.asset_id = a.asset_id)) AS name OFFSET 0) m ON true
   ORDER BY c.at DESC, z.name, c.addr, c.slot $$;

SELECT ops.grant_roles();
