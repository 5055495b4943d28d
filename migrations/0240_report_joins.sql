-- Reports of a large inventory, as 0205 did it for the lists: what is said of each port joins what it needs, and the name of an asset is found once
-- for each of its addresses, not by a function that sets up its surroundings for each port.
-- The state is what it is made of, and in a CASE: from state = 'open' the planner guesses that one port of 200 is open, from an inner join to the hosts that
-- nearly none is, and then looks at all hosts once for each port.

CREATE OR REPLACE VIEW report.open_services AS
SELECT z.name AS zone, s.addr AS address, o.holder AS asset_id, o.name AS asset_name, inv.protocol(s.slot) AS protocol, s.slot & 65535 AS port,
       COALESCE(v.name, pn.name) AS service, v.product, v.version, v.extra, v.tunnel, v.hostname, v.os, v.device, COALESCE(v.cpe, '{}') AS cpe,
       CASE WHEN v.value IS NULL THEN 'table' ELSE 'probed' END AS method,
       ap.slot IS NOT NULL AND (ap.expires_at <= now()) IS NOT TRUE AS approved,
       s.since AS first_seen, GREATEST(s.since, fv.since) AS last_changed,
       GREATEST(s.since, LEAST(COALESCE(d.seen_at, c.last_at),
         -- a look before the host was back saw nothing after it went
         CASE WHEN o.there_since > c.last_at THEN (SELECT COALESCE(x.seen_at, x.at) FROM inv.change x
           WHERE x.zone_id = s.zone_id AND x.addr = s.addr AND x.attr_id = 1 AND x.new_value IS NULL ORDER BY x.at DESC LIMIT 1) END)) AS last_seen, c.last_at AS last_checked, COALESCE(d.misses, 0)::int4 AS misses
  FROM inv.fact_now s
  JOIN inv.zone z ON z.zone_id = s.zone_id
  LEFT JOIN inv.port_name pn ON pn.slot = s.slot
  LEFT JOIN inv.fact_now fv ON fv.zone_id = s.zone_id AND fv.addr = s.addr AND fv.slot = s.slot AND fv.attr_id = 11
  LEFT JOIN inv.value_service v ON v.value = fv.value
  LEFT JOIN (
    SELECT o.zone_id, o.addr, o.value AS holder, h.since AS there_since, b.blocks, n.name
      FROM inv.fact_now o
      LEFT JOIN inv.fact_now h ON h.zone_id = o.zone_id AND h.addr = o.addr AND h.slot = 0 AND h.attr_id = 1
      -- as inv.asset_name() has it
      LEFT JOIN LATERAL (
        SELECT max(COALESCE(a.label, (SELECT min(t.body) FROM inv.asset_place l
                                        JOIN inv.fact_now f ON f.zone_id = l.zone_id AND f.addr = l.addr AND f.slot = 0 AND f.attr_id = 3
                                        JOIN inv.value_text t ON t.value = f.value WHERE l.asset_id = a.asset_id),
                            (SELECT host(min(l.addr)) FROM inv.asset_place l WHERE l.asset_id = a.asset_id))) AS name
          FROM inv.asset a WHERE a.asset_id = o.value) n ON true
      LEFT JOIN LATERAL (
        SELECT max(u.blocks) AS blocks FROM (SELECT CASE family(o.addr)
          WHEN 4 THEN ARRAY(SELECT k.block_id FROM inv.block k WHERE k.zone_id = o.zone_id AND k.hi >= o.addr
                               AND k.lo BETWEEN o.addr - LEAST(o.addr - '0.0.0.0', 255) AND o.addr)
          ELSE ARRAY(SELECT k.block_id FROM inv.block k WHERE k.zone_id = o.zone_id AND k.hi >= o.addr
                        AND k.lo BETWEEN CASE WHEN o.addr >= '::ff' THEN o.addr - 255 ELSE '::' END AND o.addr
                     UNION
                     SELECT k.block_id FROM inv.block k WHERE k.zone_id = o.zone_id AND k.lo <= o.addr AND k.hi >= o.addr AND inv.is_wide(k.lo, k.hi)) END AS blocks) u) b ON true
     WHERE o.slot = 0 AND o.attr_id = 0) o ON o.zone_id = s.zone_id AND o.addr = s.addr
  LEFT JOIN inv.approval ap ON ap.zone_id = s.zone_id AND ap.asset_id = o.holder AND ap.slot = s.slot AND ap.ended_at IS NULL
  LEFT JOIN inv.doubt d ON d.zone_id = s.zone_id AND d.addr = s.addr AND d.slot = s.slot AND d.attr_id = s.attr_id
  LEFT JOIN LATERAL (SELECT * FROM (
    SELECT max(q.last_at) AS last_at, bool_or(q.retired_at IS NULL AND q.last_at > now() - 3 * p.every - interval '10 minutes') AS fresh
      FROM inv.schedule q JOIN inv.profile p USING (profile_id)
     WHERE q.block_id = ANY(o.blocks) AND p.kind = 'ports' AND p.slots @> s.slot) c OFFSET 0) c ON true
 WHERE s.attr_id = 10 AND CASE WHEN o.there_since IS NOT NULL THEN c.fresh END;

CREATE OR REPLACE VIEW report.unapproved_services AS
SELECT s.zone, s.address, s.asset_id, s.asset_name, s.protocol, s.port, s.service, s.product, s.version, s.first_seen, s.last_seen, s.last_checked
  FROM report.open_services s
 WHERE CASE WHEN NOT s.approved THEN s.asset_id IN (SELECT p.asset_id FROM inv.approval p WHERE p.slot IS NOT NULL AND p.ended_at IS NULL) END;

-- As before, in a form that becomes part of the query.
CREATE OR REPLACE FUNCTION inv.is_usual(p_service text, p_tunnel text, p_registered text) RETURNS bool LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN p_registered IS NULL THEN false
    WHEN p_service = p_registered THEN true
    WHEN p_service IN ('http', 'https', 'http-proxy', 'http-alt') THEN p_registered ~ '^(http|https|www|webcache|radan-http)' AND
         (p_tunnel IS NULL OR p_registered ~ '^https')
    WHEN p_tunnel IS NOT NULL AND p_registered IN (p_service || 's', 's' || p_service) THEN true
    ELSE COALESCE(p_service IN ('domain', 'dns') AND p_registered IN ('domain', 'dns')
      OR p_service IN ('microsoft-ds', 'netbios-ssn', 'smb') AND p_registered IN ('microsoft-ds', 'netbios-ssn', 'smb')
      OR p_service IN ('ms-sql-s', 'mssql') AND p_registered IN ('ms-sql-s', 'mssql')
      OR p_service IN ('ms-wbt-server', 'rdp') AND p_registered IN ('ms-wbt-server', 'rdp')
      OR p_service IN ('postgresql', 'postgres') AND p_registered IN ('postgresql', 'postgres')
      OR p_service IN ('rpcbind', 'sunrpc') AND p_registered IN ('rpcbind', 'sunrpc')
      OR p_service IN ('submission', 'smtp') AND p_registered IN ('submission', 'smtp')
      OR p_service IN ('vnc', 'rfb') AND p_registered IN ('vnc', 'rfb')
      OR p_service IN ('ipp', 'cups') AND p_registered IN ('ipp', 'cups'), false) END $$;

CREATE OR REPLACE VIEW report.services_off_port AS
SELECT z.name AS zone, s.addr AS address, o.holder AS asset_id, o.name AS asset_name, inv.protocol(s.slot) AS protocol, s.slot & 65535 AS port,
       COALESCE(v.name, pn.name) AS service, v.tunnel, v.product, v.version, pn.name AS registered,
       s.since AS first_seen, GREATEST(s.since, LEAST(COALESCE(d.seen_at, c.last_at),
         -- a look before the host was back saw nothing after it went
         CASE WHEN o.there_since > c.last_at THEN (SELECT COALESCE(x.seen_at, x.at) FROM inv.change x
           WHERE x.zone_id = s.zone_id AND x.addr = s.addr AND x.attr_id = 1 AND x.new_value IS NULL ORDER BY x.at DESC LIMIT 1) END)) AS last_seen, c.last_at AS last_checked
  FROM inv.fact_now s
  JOIN inv.zone z ON z.zone_id = s.zone_id
  LEFT JOIN inv.port_name pn ON pn.slot = s.slot
  LEFT JOIN inv.fact_now fv ON fv.zone_id = s.zone_id AND fv.addr = s.addr AND fv.slot = s.slot AND fv.attr_id = 11
  LEFT JOIN inv.value_service v ON v.value = fv.value
  LEFT JOIN (
    SELECT o.zone_id, o.addr, o.value AS holder, h.since AS there_since, b.blocks, n.name
      FROM inv.fact_now o
      LEFT JOIN inv.fact_now h ON h.zone_id = o.zone_id AND h.addr = o.addr AND h.slot = 0 AND h.attr_id = 1
      -- as inv.asset_name() has it
      LEFT JOIN LATERAL (
        SELECT max(COALESCE(a.label, (SELECT min(t.body) FROM inv.asset_place l
                                        JOIN inv.fact_now f ON f.zone_id = l.zone_id AND f.addr = l.addr AND f.slot = 0 AND f.attr_id = 3
                                        JOIN inv.value_text t ON t.value = f.value WHERE l.asset_id = a.asset_id),
                            (SELECT host(min(l.addr)) FROM inv.asset_place l WHERE l.asset_id = a.asset_id))) AS name
          FROM inv.asset a WHERE a.asset_id = o.value) n ON true
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
 WHERE s.attr_id = 10 AND CASE WHEN v.value IS NOT NULL AND o.there_since IS NOT NULL THEN c.fresh END
   AND COALESCE(v.name, pn.name) NOT IN ('unknown', 'tcpwrapped')
   AND NOT inv.is_usual(COALESCE(v.name, pn.name), v.tunnel, pn.name);

-- Called twice for each certificate: nothing of it goes by the time zone of the session, so that it needs no setting and becomes part of the query.
CREATE OR REPLACE FUNCTION inv.time_of(p text) RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN p ~ '^(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]' THEN
         CASE WHEN substr(p, 9, 2) <= to_char((left(p, 7) || '-01')::date + interval '1 month - 1 day', 'DD')
              THEN left(p, 19)::timestamp AT TIME ZONE 'UTC' END END $$;

CREATE OR REPLACE VIEW report.cert_expiry AS
SELECT q.zone, q.address, q.asset_id, q.asset_name, q.protocol, q.port, q.subject, q.issuer, q.names, q.not_before, q.not_after,
       floor(EXTRACT(epoch FROM q.not_after - now()) / 86400)::int4 AS days_left,
       CASE WHEN q.not_after <= now() THEN 'expired' WHEN q.not_before > now() THEN 'not yet valid'
            WHEN q.not_after <= now() + interval '7 days' THEN '7 days' WHEN q.not_after <= now() + interval '30 days' THEN '30 days'
            WHEN q.not_after <= now() + interval '90 days' THEN '90 days' WHEN q.not_after IS NULL THEN 'unknown' ELSE 'valid' END AS state,
       q.self_signed, q.shared, q.key_type, q.key_bits, q.signature, q.sha1, q.first_seen, q.last_seen, q.last_checked
  FROM (SELECT z.name AS zone, s.addr AS address, o.holder AS asset_id, o.name AS asset_name, inv.protocol(s.slot) AS protocol, NULLIF(s.slot & 65535, 0) AS port,
               v.data #>> '{subject,commonName}' AS subject, COALESCE(v.data #>> '{issuer,commonName}', v.data #>> '{issuer,organizationName}') AS issuer,
               (SELECT array_agg(btrim(replace(x, 'DNS:', ''))) FROM jsonb_array_elements(CASE jsonb_typeof(v.data -> 'extensions') WHEN 'array' THEN v.data -> 'extensions' ELSE '[]' END) e,
                  regexp_split_to_table(e ->> 'value', ',') x WHERE e ->> 'name' = 'X509v3 Subject Alternative Name') AS names,
               inv.time_of(v.data #>> '{validity,notBefore}') AS not_before, inv.time_of(v.data #>> '{validity,notAfter}') AS not_after,
               (v.data -> 'subject') = (v.data -> 'issuer') AS self_signed,
               count(*) OVER (PARTITION BY v.data ->> 'sha1')::int4 AS shared,
               v.data #>> '{pubkey,type}' AS key_type, CASE WHEN v.data #>> '{pubkey,bits}' ~ '^[0-9]{1,6}$' THEN (v.data #>> '{pubkey,bits}')::int4 END AS key_bits,
               v.data ->> 'sig_algo' AS signature, v.data ->> 'sha1' AS sha1,
               s.since AS first_seen, GREATEST(s.since, LEAST(COALESCE(d.seen_at, c.last_at),
         -- a look before the host was back saw nothing after it went
         CASE WHEN o.there_since > c.last_at THEN (SELECT COALESCE(x.seen_at, x.at) FROM inv.change x
           WHERE x.zone_id = s.zone_id AND x.addr = s.addr AND x.attr_id = 1 AND x.new_value IS NULL ORDER BY x.at DESC LIMIT 1) END)) AS last_seen, c.last_at AS last_checked
          FROM inv.fact_now s
          JOIN inv.zone z ON z.zone_id = s.zone_id
          LEFT JOIN inv.value_script v ON v.value = s.value
  LEFT JOIN (
    SELECT o.zone_id, o.addr, o.value AS holder, h.since AS there_since, b.blocks, n.name
      FROM inv.fact_now o
      LEFT JOIN inv.fact_now h ON h.zone_id = o.zone_id AND h.addr = o.addr AND h.slot = 0 AND h.attr_id = 1
      -- as inv.asset_name() has it
      LEFT JOIN LATERAL (
        SELECT max(COALESCE(a.label, (SELECT min(t.body) FROM inv.asset_place l
                                        JOIN inv.fact_now f ON f.zone_id = l.zone_id AND f.addr = l.addr AND f.slot = 0 AND f.attr_id = 3
                                        JOIN inv.value_text t ON t.value = f.value WHERE l.asset_id = a.asset_id),
                            (SELECT host(min(l.addr)) FROM inv.asset_place l WHERE l.asset_id = a.asset_id))) AS name
          FROM inv.asset a WHERE a.asset_id = o.value) n ON true
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
                      WHERE q.kind = 'scripts' AND q.block_id = ANY(o.blocks) AND s.attr_id = ANY(x.attrs)) c ON true
 WHERE s.attr_id = (SELECT a.attr_id FROM inv.attr a WHERE a.kind = 'script' AND a.name = 'ssl-cert')
   AND CASE WHEN o.there_since IS NOT NULL THEN true END) q;

-- Conditions that say how few are left out, again for the planner's sake: with what it guesses of state = '...' it asks for all ports once for each approval.
CREATE OR REPLACE VIEW report.expectations_unmet AS
SELECT a.zone, a.asset_id, a.name, 'absent'::text AS what, NULL::text AS protocol, NULL::int4 AS port, n.owner, n.criticality, a.last_seen AS since
  FROM report.asset a JOIN report.annotation n USING (asset_id) WHERE n.expected_presence = 'always' AND a.state = 'absent'
UNION ALL
SELECT a.zone, a.asset_id, a.name, 'present', NULL, NULL, n.owner, n.criticality, a.first_seen
  FROM report.asset a JOIN report.annotation n USING (asset_id) WHERE n.expected_presence = 'never' AND a.state = 'present'
UNION ALL
SELECT z.name, p.asset_id, inv.asset_name(p.asset_id), 'approved service missing', inv.protocol(p.slot), p.slot & 65535, n.owner, n.criticality, NULL
  FROM inv.approval p JOIN inv.zone z USING (zone_id) LEFT JOIN report.annotation n ON n.asset_id = p.asset_id
 WHERE p.ended_at IS NULL AND (p.expires_at <= now()) IS NOT TRUE AND p.slot IS NOT NULL
   AND NOT EXISTS (SELECT FROM report.service s WHERE s.asset_id = p.asset_id AND s.protocol = inv.protocol(p.slot) AND s.port = p.slot & 65535 AND s.state <> 'dormant')
   AND EXISTS (SELECT FROM report.host h WHERE h.asset_id = p.asset_id AND h.state NOT IN ('absent', 'unknown'))
UNION ALL
SELECT z.name, p.asset_id, inv.asset_name(p.asset_id), 'approval expired, service open', inv.protocol(p.slot), p.slot & 65535, n.owner, n.criticality, p.expires_at
  FROM inv.approval p JOIN inv.zone z USING (zone_id) LEFT JOIN report.annotation n ON n.asset_id = p.asset_id
 WHERE p.ended_at IS NULL AND p.expires_at <= now() AND p.slot IS NOT NULL
   AND EXISTS (SELECT FROM report.service s WHERE s.asset_id = p.asset_id AND s.protocol = inv.protocol(p.slot) AND s.port = p.slot & 65535
                  AND s.state NOT IN ('dormant', 'unknown'));

SELECT ops.grant_roles();
