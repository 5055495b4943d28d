-- The reports: questions that people ask, each a view or, where it takes parameters, a function of the same kind; and the catalog
-- that lists them for `muster report`, for people and for tools.
--
-- What a function answers is a type NAME_row with a comment on each column, so that functions are documented as views are.
-- Functions run with the rights of their owner (a reader has no rights on the tables) and see what their owner may see.
CREATE TABLE report.catalog (
  name          text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]*$'),
  title         text NOT NULL,
  question      text NOT NULL,
  category      text NOT NULL CHECK (category IN ('assets', 'services', 'changes', 'addresses', 'coverage', 'alerts', 'policy', 'tables')),
  -- [{"name", "type", "default" (SQL; absent: must be given), "help"}]: those of the function, in order; empty: a view
  params        jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(params) = 'array'),
  since_version text NOT NULL DEFAULT '0.1'
);
COMMENT ON TABLE report.catalog IS 'the reports: what muster report list shows';
COMMENT ON COLUMN report.catalog.name IS 'of the view or function in schema report; kept once released';
COMMENT ON COLUMN report.catalog.title IS 'heading';
COMMENT ON COLUMN report.catalog.question IS 'what it answers';
COMMENT ON COLUMN report.catalog.category IS 'assets, services, changes, addresses, coverage, alerts, policy; tables: for queries of your own';
COMMENT ON COLUMN report.catalog.params IS 'array of {name, type, default, help}; empty: a view without parameters';
COMMENT ON COLUMN report.catalog.since_version IS 'the version of Muster that brought it';

-- ------------------------------------------------------------------ helpers
-- Texts of scripts and names that may be anything: NULL instead of an error.
CREATE FUNCTION inv.mac_of(p text) RETURNS macaddr LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN p ~ '^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$' THEN p::macaddr END $$;
CREATE FUNCTION inv.time_of(p text) RETURNS timestamptz LANGUAGE sql STABLE SET timezone = 'UTC' AS $$
  SELECT CASE WHEN p ~ '^[0-9]{4}-(0[1-9]|1[0-2])-([0-2][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]'
                   AND substr(p, 1, 10)::text <= left(p, 8) || to_char((left(p, 7) || '-01')::date + interval '1 month - 1 day', 'DD')
              THEN left(p, 19)::timestamp AT TIME ZONE 'UTC' END $$;
-- What people call an asset: its label, else a name it has now, else an address.
CREATE FUNCTION inv.asset_name(p_asset uuid) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  SELECT COALESCE(a.label,
           (SELECT min(t.body) FROM asset_place l JOIN fact_now f ON f.zone_id = l.zone_id AND f.addr = l.addr AND f.slot = 0 AND f.attr_id = 3
              JOIN value_text t USING (value) WHERE l.asset_id = p_asset),
           (SELECT host(min(l.addr)) FROM asset_place l WHERE l.asset_id = p_asset))
    FROM asset a WHERE a.asset_id = p_asset $$;
-- Which sensor was at an address then: that of the visit that covers the time.
CREATE FUNCTION inv.sensor_at(p_zone int4, p_addr inet, p_at timestamptz) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  SELECT n.name FROM block b JOIN coverage v USING (block_id) JOIN sensor n USING (sensor_id)
   WHERE b.zone_id = p_zone AND b.lo <= p_addr AND b.hi >= p_addr AND v.at >= p_at AND v.from_at <= p_at
   ORDER BY v.at LIMIT 1 $$;

-- ------------------------------------------------------------------ changes
CREATE TYPE report.changes_since_row AS (
  at timestamptz, noted_at timestamptz, zone text, address inet, protocol text, port int4, type text, kind text, attribute text,
  what text, old jsonb, new jsonb, last_seen timestamptz, change_id int8, window_start timestamptz, window_end timestamptz);
CREATE FUNCTION report.changes_since(since timestamptz DEFAULT now() - interval '1 day') RETURNS SETOF report.changes_since_row
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  SELECT c.at, c.noted_at, c.zone, c.address, c.protocol, c.port, c.type, c.kind, c.attribute, c.what, c.old, c.new, c.last_seen,
         c.change_id, changes_since.since, now()
    FROM report.change c WHERE c.noted_at > changes_since.since AND c.news ORDER BY c.noted_at, c.change_id $$;
COMMENT ON FUNCTION report.changes_since(timestamptz) IS 'news that were noted after a time';

CREATE TYPE report.flapping_row AS (
  zone text, address inet, protocol text, port int4, kind text, attribute text, edges int8, first_at timestamptz, last_at timestamptz,
  holds_now bool);
CREATE FUNCTION report.flapping(days int4 DEFAULT 7, at_least int4 DEFAULT 4) RETURNS SETOF report.flapping_row
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  SELECT z.name, q.addr, protocol(q.slot), NULLIF(q.slot & 65535, 0), a.kind, a.name, q.n, q.first_at, q.last_at,
         EXISTS (SELECT FROM fact_now f WHERE (f.zone_id, f.addr, f.slot, f.attr_id) = (q.zone_id, q.addr, q.slot, q.attr_id))
    FROM (SELECT c.zone_id, c.addr, c.slot, c.attr_id, count(*) AS n, min(c.at) AS first_at, max(c.at) AS last_at
            FROM change c WHERE c.at > now() - make_interval(days => flapping.days) AND c.cause <> 'p'
           GROUP BY c.zone_id, c.addr, c.slot, c.attr_id HAVING count(*) >= flapping.at_least) q
    JOIN attr a USING (attr_id) JOIN zone z USING (zone_id)
   ORDER BY q.n DESC, z.name, q.addr, q.slot $$;
COMMENT ON FUNCTION report.flapping(int4, int4) IS 'facts that come and go, or change their value, again and again';

CREATE TYPE report.top_changers_row AS (zone text, address inet, asset_id uuid, asset_name text, changes int8, news int8, last_at timestamptz);
CREATE FUNCTION report.top_changers(days int4 DEFAULT 7) RETURNS SETOF report.top_changers_row
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  SELECT z.name, q.addr, f.value, asset_name(f.value), q.n, q.news, q.last_at
    FROM (SELECT c.zone_id, c.addr, count(*) AS n, count(*) FILTER (WHERE c.news) AS news, max(c.at) AS last_at
            FROM change c WHERE c.at > now() - make_interval(days => top_changers.days)
           GROUP BY c.zone_id, c.addr ORDER BY count(*) FILTER (WHERE c.news) DESC, count(*) DESC LIMIT 100) q
    JOIN zone z USING (zone_id)
    LEFT JOIN fact_now f ON f.zone_id = q.zone_id AND f.addr = q.addr AND f.slot = 0 AND f.attr_id = 0
   ORDER BY q.news DESC, q.n DESC, z.name, q.addr $$;
COMMENT ON FUNCTION report.top_changers(int4) IS 'the 100 addresses with the most changes';

-- ------------------------------------------------------------------ assets
CREATE TYPE report.new_assets_row AS (
  zone text, asset_id uuid, name text, state text, addresses inet[], macs text[], vendor text, hostname text, open_ports int4,
  owner text, first_sensor text, first_seen timestamptz, last_seen timestamptz);
CREATE FUNCTION report.new_assets(days int4 DEFAULT 7) RETURNS SETOF report.new_assets_row
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  SELECT a.zone, a.asset_id, a.name, a.state, a.addresses, a.macs, a.vendor, a.hostname, a.open_ports, n.owner,
         sensor_at(z.zone_id, a.addresses[1], a.first_seen), a.first_seen, a.last_seen
    FROM report.asset a JOIN zone z ON z.name = a.zone LEFT JOIN annotation n ON n.zone_id = z.zone_id AND n.asset_id = a.asset_id
   WHERE a.first_seen > now() - make_interval(days => new_assets.days) ORDER BY a.first_seen DESC, a.zone, a.addresses[1] $$;
COMMENT ON FUNCTION report.new_assets(int4) IS 'assets that were first seen lately';

CREATE VIEW report.missing_assets AS
SELECT a.zone, a.asset_id, a.name, a.addresses, a.macs, a.vendor, a.hostname, a.open_ports, n.owner, n.criticality,
       n.expected_presence, a.first_seen, a.last_seen,
       (SELECT max(c.at) FROM inv.change c, unnest(a.addresses) x
         WHERE c.zone_id = z.zone_id AND c.addr = x AND c.slot = 0 AND c.attr_id = 1 AND c.new_value IS NULL) AS missing_since,
       (SELECT max(h.last_checked) FROM report.host h WHERE h.zone = a.zone AND h.address = ANY(a.addresses)) AS last_checked
  FROM report.asset a JOIN inv.zone z ON z.name = a.zone LEFT JOIN report.annotation n ON n.asset_id = a.asset_id
 WHERE a.state = 'absent';
COMMENT ON VIEW report.missing_assets IS 'assets that have gone: confirmed by several misses in what was really looked at';

CREATE VIEW report.expectations_unmet AS
SELECT a.zone, a.asset_id, a.name, 'absent'::text AS what, NULL::text AS protocol, NULL::int4 AS port, n.owner, n.criticality, a.last_seen AS since
  FROM report.asset a JOIN report.annotation n USING (asset_id) WHERE n.expected_presence = 'always' AND a.state = 'absent'
UNION ALL
SELECT a.zone, a.asset_id, a.name, 'present', NULL, NULL, n.owner, n.criticality, a.first_seen
  FROM report.asset a JOIN report.annotation n USING (asset_id) WHERE n.expected_presence = 'never' AND a.state = 'present'
UNION ALL
SELECT p.zone, p.asset_id, inv.asset_name(p.asset_id), 'approved service missing', p.protocol, p.port, n.owner, n.criticality, NULL
  FROM report.approval p LEFT JOIN report.annotation n USING (asset_id)
 WHERE p.state = 'approved' AND p.port IS NOT NULL
   AND NOT EXISTS (SELECT FROM report.service s WHERE s.asset_id = p.asset_id AND s.protocol = p.protocol AND s.port = p.port AND s.state <> 'dormant')
   AND EXISTS (SELECT FROM report.host h WHERE h.asset_id = p.asset_id AND h.state = 'present')
UNION ALL
SELECT p.zone, p.asset_id, inv.asset_name(p.asset_id), 'approval expired, service open', p.protocol, p.port, n.owner, n.criticality, p.expires_at
  FROM report.approval p LEFT JOIN report.annotation n USING (asset_id)
 WHERE p.state = 'expired' AND p.port IS NOT NULL
   AND EXISTS (SELECT FROM report.service s WHERE s.asset_id = p.asset_id AND s.protocol = p.protocol AND s.port = p.port AND s.state = 'open');
COMMENT ON VIEW report.expectations_unmet IS 'assets that are not as people said they should be';

-- ------------------------------------------------------------------ services
CREATE VIEW report.open_services AS
SELECT s.zone, s.address, s.asset_id, inv.asset_name(s.asset_id) AS asset_name, s.protocol, s.port, s.service, s.product, s.version,
       s.extra, s.tunnel, s.hostname, s.os, s.device, s.cpe, s.method,
       EXISTS (SELECT FROM report.approval p WHERE p.asset_id = s.asset_id AND p.protocol = s.protocol AND p.port = s.port AND p.state = 'approved') AS approved,
       s.first_seen, GREATEST(s.first_seen, (SELECT f.since FROM inv.fact_now f JOIN inv.zone z USING (zone_id)
          WHERE z.name = s.zone AND f.addr = s.address AND f.attr_id = 11 AND f.slot = (CASE s.protocol WHEN 'tcp' THEN 6 WHEN 'udp' THEN 17 ELSE 132 END << 16) | s.port)) AS last_changed,
       s.last_seen, s.last_checked, s.misses
  FROM report.service s WHERE s.state = 'open';
COMMENT ON VIEW report.open_services IS 'services that are open now on hosts that are there';

CREATE VIEW report.unapproved_services AS
SELECT s.zone, s.address, s.asset_id, s.asset_name, s.protocol, s.port, s.service, s.product, s.version, s.first_seen, s.last_seen, s.last_checked
  FROM report.open_services s
 WHERE NOT s.approved AND EXISTS (SELECT FROM report.approval p WHERE p.asset_id = s.asset_id AND p.port IS NOT NULL AND p.state <> 'ended');
COMMENT ON VIEW report.unapproved_services IS 'open services that nobody approved, on assets of which others are approved';

-- The service that a port had when it closed, or has now.
CREATE FUNCTION inv.service_then(p_zone int4, p_addr inet, p_slot int4, p_at timestamptz) RETURNS inv.value_service
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  SELECT v FROM (
    SELECT f.value FROM fact_now f WHERE f.zone_id = p_zone AND f.addr = p_addr AND f.slot = p_slot AND f.attr_id = 11 AND f.since <= p_at
    UNION ALL
    (SELECT c.old_value FROM change c WHERE c.zone_id = p_zone AND c.addr = p_addr AND c.slot = p_slot AND c.attr_id = 11
        AND c.at >= p_at AND c.old_since <= p_at ORDER BY c.at LIMIT 1)) q JOIN value_service v USING (value) LIMIT 1 $$;

CREATE TYPE report.new_services_row AS (
  zone text, address inet, asset_id uuid, asset_name text, protocol text, port int4, service text, product text, version text,
  baseline bool, state text, first_seen timestamptz, noted_at timestamptz, valid tstzrange);
-- Ports that opened: with what became of them.
CREATE FUNCTION inv.opened_services(p_days int4, p_again bool) RETURNS SETOF report.new_services_row
LANGUAGE sql STABLE AS $$
  SELECT z.name, c.addr, o.value, inv.asset_name(o.value), inv.protocol(c.slot), c.slot & 65535, COALESCE(v.name, n.name), v.product, v.version,
         NOT c.news, CASE WHEN e.at IS NOT NULL THEN 'closed' WHEN h.addr IS NULL THEN 'dormant' ELSE 'open' END,
         c.at, c.noted_at, tstzrange(c.at, e.at)
    FROM inv.change c JOIN inv.zone z USING (zone_id)
    LEFT JOIN inv.fact_now o ON o.zone_id = c.zone_id AND o.addr = c.addr AND o.slot = 0 AND o.attr_id = 0
    LEFT JOIN inv.fact_now h ON h.zone_id = c.zone_id AND h.addr = c.addr AND h.slot = 0 AND h.attr_id = 1
    LEFT JOIN LATERAL (SELECT x.at FROM inv.change x WHERE x.zone_id = c.zone_id AND x.addr = c.addr AND x.slot = c.slot AND x.attr_id = 10
                          AND x.old_since = c.at ORDER BY x.at LIMIT 1) e ON true
    LEFT JOIN inv.port_name n ON n.slot = c.slot
    -- what was found out last while it was open
    LEFT JOIN LATERAL inv.service_then(c.zone_id, c.addr, c.slot, COALESCE(e.at - interval '1 microsecond', now())) v ON true
   WHERE c.attr_id = 10 AND c.old_value IS NULL AND c.at > now() - make_interval(days => p_days)
     AND (NOT p_again OR EXISTS (SELECT FROM inv.change x WHERE x.zone_id = c.zone_id AND x.addr = c.addr AND x.slot = c.slot AND x.attr_id = 10
                                    AND x.new_value IS NULL AND x.at < c.at))
   ORDER BY c.at DESC, z.name, c.addr, c.slot $$;
CREATE FUNCTION report.new_services(days int4 DEFAULT 7) RETURNS SETOF report.new_services_row
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$ SELECT * FROM inv.opened_services(new_services.days, false) $$;
COMMENT ON FUNCTION report.new_services(int4) IS 'ports that opened lately, and what became of them';
CREATE FUNCTION report.reopened_services(days int4 DEFAULT 7) RETURNS SETOF report.new_services_row
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$ SELECT * FROM inv.opened_services(reopened_services.days, true) $$;
COMMENT ON FUNCTION report.reopened_services(int4) IS 'ports that opened lately and had been closed before';

CREATE TYPE report.closed_services_row AS (
  zone text, address inet, asset_id uuid, asset_name text, protocol text, port int4, service text, product text, version text,
  why text, first_seen timestamptz, last_seen timestamptz, closed_at timestamptz, noted_at timestamptz, valid tstzrange);
CREATE FUNCTION report.closed_services(days int4 DEFAULT 7) RETURNS SETOF report.closed_services_row
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  SELECT z.name, c.addr, o.value, asset_name(o.value), protocol(c.slot), c.slot & 65535, COALESCE(v.name, n.name), v.product, v.version,
         CASE c.cause WHEN 'r' THEN 'another device has the address' WHEN 'x' THEN 'expired' ELSE 'confirmed closed' END,
         c.old_since, c.seen_at, c.at, c.noted_at, tstzrange(c.old_since, c.at)
    FROM change c JOIN zone z USING (zone_id)
    LEFT JOIN fact_now o ON o.zone_id = c.zone_id AND o.addr = c.addr AND o.slot = 0 AND o.attr_id = 0
    LEFT JOIN port_name n ON n.slot = c.slot
    LEFT JOIN LATERAL service_then(c.zone_id, c.addr, c.slot, c.at - interval '1 microsecond') v ON true
   WHERE c.attr_id = 10 AND c.new_value IS NULL AND c.at > now() - make_interval(days => closed_services.days)
   ORDER BY c.at DESC, z.name, c.addr, c.slot $$;
COMMENT ON FUNCTION report.closed_services(int4) IS 'ports that closed lately, confirmed';

-- Whether a probed service is what its port is registered for: names that mean the same, and TLS variants.
CREATE FUNCTION inv.is_usual(p_service text, p_tunnel text, p_registered text) RETURNS bool LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN p_registered IS NULL THEN false
    WHEN p_service = p_registered THEN true
    WHEN p_service IN ('http', 'https', 'http-proxy', 'http-alt') THEN p_registered ~ '^(http|https|www|webcache|radan-http)' AND
         (p_tunnel IS NULL OR p_registered ~ '^https')
    WHEN p_tunnel IS NOT NULL AND p_registered IN (p_service || 's', 's' || p_service) THEN true
    ELSE COALESCE((SELECT bool_or(p_service = ANY(g.names) AND p_registered = ANY(g.names)) FROM (VALUES
           ('{domain,dns}'::text[]), ('{microsoft-ds,netbios-ssn,smb}'), ('{ms-sql-s,mssql}'), ('{ms-wbt-server,rdp}'),
           ('{postgresql,postgres}'), ('{rpcbind,sunrpc}'), ('{submission,smtp}'), ('{vnc,rfb}'), ('{ipp,cups}')) g(names)), false) END $$;
CREATE VIEW report.services_off_port AS
SELECT s.zone, s.address, s.asset_id, inv.asset_name(s.asset_id) AS asset_name, s.protocol, s.port, s.service, s.tunnel, s.product, s.version,
       n.name AS registered, s.first_seen, s.last_seen, s.last_checked
  FROM report.service s
  LEFT JOIN inv.port_name n ON n.slot = (CASE s.protocol WHEN 'tcp' THEN 6 WHEN 'udp' THEN 17 ELSE 132 END << 16) | s.port
 WHERE s.state = 'open' AND s.method = 'probed' AND s.service IS NOT NULL AND s.service NOT IN ('unknown', 'tcpwrapped')
   AND NOT inv.is_usual(s.service, s.tunnel, n.name);
COMMENT ON VIEW report.services_off_port IS 'services that answer on a port that is registered for something else, or for nothing';

CREATE VIEW report.cert_expiry AS
SELECT q.zone, q.address, q.asset_id, q.asset_name, q.protocol, q.port, q.subject, q.issuer, q.names, q.not_before, q.not_after,
       floor(EXTRACT(epoch FROM q.not_after - now()) / 86400)::int4 AS days_left,
       CASE WHEN q.not_after <= now() THEN 'expired' WHEN q.not_before > now() THEN 'not yet valid'
            WHEN q.not_after <= now() + interval '7 days' THEN '7 days' WHEN q.not_after <= now() + interval '30 days' THEN '30 days'
            WHEN q.not_after <= now() + interval '90 days' THEN '90 days' WHEN q.not_after IS NULL THEN 'unknown' ELSE 'valid' END AS state,
       q.self_signed, q.shared, q.key_type, q.key_bits, q.signature, q.sha1, q.first_seen, q.last_seen, q.last_checked
  FROM (SELECT r.zone, r.address, o.value AS asset_id, inv.asset_name(o.value) AS asset_name, r.protocol, r.port,
               r.data #>> '{subject,commonName}' AS subject, COALESCE(r.data #>> '{issuer,commonName}', r.data #>> '{issuer,organizationName}') AS issuer,
               (SELECT array_agg(btrim(replace(x, 'DNS:', ''))) FROM jsonb_array_elements(CASE jsonb_typeof(r.data -> 'extensions') WHEN 'array' THEN r.data -> 'extensions' ELSE '[]' END) e,
                  regexp_split_to_table(e ->> 'value', ',') x WHERE e ->> 'name' = 'X509v3 Subject Alternative Name') AS names,
               inv.time_of(r.data #>> '{validity,notBefore}') AS not_before, inv.time_of(r.data #>> '{validity,notAfter}') AS not_after,
               (r.data -> 'subject') = (r.data -> 'issuer') AS self_signed,
               count(*) OVER (PARTITION BY r.data ->> 'sha1')::int4 AS shared,
               r.data #>> '{pubkey,type}' AS key_type, CASE WHEN r.data #>> '{pubkey,bits}' ~ '^[0-9]{1,6}$' THEN (r.data #>> '{pubkey,bits}')::int4 END AS key_bits,
               r.data ->> 'sig_algo' AS signature, r.data ->> 'sha1' AS sha1, r.first_seen, r.last_seen, r.last_checked
          FROM report.script_result r JOIN inv.zone z ON z.name = r.zone
          LEFT JOIN inv.fact_now o ON o.zone_id = z.zone_id AND o.addr = r.address AND o.slot = 0 AND o.attr_id = 0
         WHERE r.script = 'ssl-cert' AND r.present) q;
COMMENT ON VIEW report.cert_expiry IS 'TLS certificates of hosts that are there, with the time they have left';

-- ------------------------------------------------------------------ addresses
-- Spans of one text fact (a MAC address, a name) of an address.
CREATE FUNCTION inv.text_spans(p_zone int4, p_addr inet, p_attr int4) RETURNS TABLE (body text, since timestamptz, until timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  SELECT t.body, f.since, NULL::timestamptz FROM fact_now f JOIN value_text t USING (value)
   WHERE f.zone_id = p_zone AND f.addr = p_addr AND f.slot = 0 AND f.attr_id = p_attr
  UNION ALL
  SELECT t.body, c.old_since, c.at FROM change c JOIN value_text t ON t.value = c.old_value
   WHERE c.zone_id = p_zone AND c.addr = p_addr AND c.slot = 0 AND c.attr_id = p_attr $$;

CREATE TYPE report.ip_history_row AS (
  zone text, address inet, asset_id uuid, asset_name text, macs macaddr[], hostnames text[], valid tstzrange, present_now bool);
CREATE FUNCTION report.ip_history(ip inet, zone text DEFAULT NULL) RETURNS SETOF report.ip_history_row
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
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
   ORDER BY z.name, q.since DESC $$;
COMMENT ON FUNCTION report.ip_history(inet, text) IS 'which assets had an address, and when';

-- Finds a MAC address among the texts, and old holders and MAC addresses in the ledger.
CREATE INDEX value_text_body ON inv.value_text USING hash (body);
CREATE INDEX change_was ON inv.change (old_value, at) WHERE attr_id IN (0, 2) AND old_value IS NOT NULL;
CREATE TYPE report.mac_history_row AS (
  zone text, mac macaddr, address inet, asset_id uuid, asset_name text, valid tstzrange, present_now bool);
CREATE FUNCTION report.mac_history(mac macaddr, zone text DEFAULT NULL) RETURNS SETOF report.mac_history_row
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
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
   ORDER BY s.since DESC, z.name, s.addr $$;
COMMENT ON FUNCTION report.mac_history(macaddr, text) IS 'where a MAC address has been, and when';

-- An address that goes to and fro: the same holder or MAC address again after another had it.
CREATE VIEW report.ip_conflicts AS
SELECT z.name AS zone, q.addr AS address, q.claimed_by, q.turns, q.claimants, q.first_at, q.last_at,
       (SELECT f.value FROM inv.fact_now f WHERE f.zone_id = q.zone_id AND f.addr = q.addr AND f.slot = 0 AND f.attr_id = 0) AS asset_id
  FROM (SELECT c.zone_id, c.addr, CASE c.attr_id WHEN 0 THEN 'asset' ELSE 'mac' END AS claimed_by, count(DISTINCT c.change_id)::int4 AS turns,
               min(c.at) AS first_at, max(c.at) AS last_at,
               array_agg(DISTINCT CASE c.attr_id WHEN 0 THEN inv.asset_name(w.value) ELSE t.body END) AS claimants
          FROM inv.change c, LATERAL (VALUES (c.old_value), (c.new_value)) w(value) LEFT JOIN inv.value_text t ON t.value = w.value
         WHERE c.attr_id IN (0, 2) AND c.slot = 0 AND c.old_value IS NOT NULL AND c.new_value IS NOT NULL AND c.at > now() - interval '30 days'
           AND EXISTS (SELECT FROM inv.change x WHERE x.zone_id = c.zone_id AND x.addr = c.addr AND x.slot = 0 AND x.attr_id = c.attr_id
                          AND x.old_value = c.new_value AND x.at < c.at AND x.at > now() - interval '30 days')
         GROUP BY c.zone_id, c.addr, c.attr_id) q
  JOIN inv.zone z USING (zone_id);
COMMENT ON VIEW report.ip_conflicts IS 'addresses that two devices claim: they went to another one and came back within 30 days';

CREATE VIEW report.duplicate_macs AS
SELECT z.name AS zone, inv.mac_of(t.body) AS mac, count(*)::int4 AS addresses, count(DISTINCT o.value)::int4 AS assets,
       array_agg(f.addr ORDER BY f.addr) AS address_list,
       CASE WHEN inv.mac_of(t.body) IS NULL THEN 'unknown' WHEN trunc(inv.mac_of(t.body)) = '00:00:5e:00:00:00' THEN 'virtual router'
            WHEN get_byte(macaddr_send(inv.mac_of(t.body)), 0) & 2 <> 0 THEN 'local or random' ELSE 'global' END AS mac_kind,
       min(f.since) AS first_seen
  FROM inv.fact_now f JOIN inv.value_text t USING (value) JOIN inv.zone z USING (zone_id)
  JOIN inv.fact_now h ON h.zone_id = f.zone_id AND h.addr = f.addr AND h.slot = 0 AND h.attr_id = 1
  LEFT JOIN inv.fact_now o ON o.zone_id = f.zone_id AND o.addr = f.addr AND o.slot = 0 AND o.attr_id = 0
 WHERE f.attr_id = 2 AND f.slot = 0 GROUP BY z.name, t.body HAVING count(*) > 1;
COMMENT ON VIEW report.duplicate_macs IS 'MAC addresses that answer for several addresses at once: routers, proxy ARP, several addresses of one card, clones';

-- ------------------------------------------------------------------ coverage
CREATE VIEW report.stale_or_unknown AS
SELECT z.name AS zone, b.lo AS first_address, b.hi AS last_address, p.name AS pass, p.kind, p.every,
       CASE WHEN s.retired_at IS NOT NULL THEN 'no longer looked at' WHEN s.last_at IS NULL THEN 'never looked at' ELSE 'late' END AS reason,
       s.last_at AS last_checked, now() - s.last_at AS age, s.tries::int4 AS tries, n.name AS sensor,
       (SELECT count(*)::int4 FROM inv.fact_now f WHERE f.zone_id = s.zone_id AND f.addr BETWEEN b.lo AND b.hi AND f.attr_id = 1) AS hosts
  FROM inv.schedule s JOIN inv.block b USING (block_id) JOIN inv.zone z ON z.zone_id = s.zone_id JOIN inv.profile p USING (profile_id)
  LEFT JOIN inv.sensor n USING (sensor_id)
 WHERE (s.retired_at IS NULL AND (s.last_at IS NULL OR s.last_at < now() - 3 * p.every - interval '10 minutes'))
    OR (s.retired_at IS NOT NULL AND s.last_at IS NOT NULL AND NOT EXISTS (
          SELECT FROM inv.schedule o JOIN inv.profile q USING (profile_id)
           WHERE o.block_id = s.block_id AND o.retired_at IS NULL AND q.kind = p.kind));
COMMENT ON VIEW report.stale_or_unknown IS 'where nobody has looked lately, or never: what is said there is not known';

CREATE VIEW report.coverage_slo AS
SELECT z.name AS zone, p.name AS pass, p.kind, p.every, count(*)::int4 AS blocks, count(s.last_at)::int4 AS visited,
       count(*) FILTER (WHERE s.last_at >= now() - 1.5 * p.every - interval '1 minute')::int4 AS on_time,
       round(100.0 * count(*) FILTER (WHERE s.last_at >= now() - 1.5 * p.every - interval '1 minute') / count(*), 1) AS on_time_percent,
       min(s.last_at) AS oldest, max(s.last_at) AS newest, max(now() - s.last_at) AS oldest_age,
       count(*) FILTER (WHERE s.sensor_id IS NOT NULL)::int4 AS running, count(*) FILTER (WHERE s.tries > 1)::int4 AS failing,
       (array_agg(b.lo ORDER BY s.last_at NULLS FIRST))[1] AS most_behind
  FROM inv.schedule s JOIN inv.block b USING (block_id) JOIN inv.zone z ON z.zone_id = s.zone_id JOIN inv.profile p USING (profile_id)
 WHERE s.retired_at IS NULL GROUP BY z.name, p.name, p.kind, p.every;
COMMENT ON VIEW report.coverage_slo IS 'how fresh each kind of fact is in each zone, and which block is the furthest behind';

CREATE TYPE report.scan_cost_row AS (
  zone text, pass text, kind text, sensor text, visits int8, aborted int8, seconds float8, mean_seconds float8, longest_seconds float8,
  probes int8, retransmissions int8, drops int8, loss float8, rate_pps float8, changes int8, last_at timestamptz);
CREATE FUNCTION report.scan_cost(days int4 DEFAULT 7) RETURNS SETOF report.scan_cost_row
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  SELECT z.name, p.name, p.kind, n.name, count(*), count(*) FILTER (WHERE NOT v.complete),
         sum(EXTRACT(epoch FROM v.at - v.from_at))::float8, avg(EXTRACT(epoch FROM v.at - v.from_at))::float8, max(EXTRACT(epoch FROM v.at - v.from_at))::float8,
         sum(v.probes)::int8, sum(v.retransmissions)::int8, sum(v.drops)::int8,
         (sum(v.loss * v.probes) / NULLIF(sum(v.probes) FILTER (WHERE v.loss IS NOT NULL), 0))::float8, avg(v.rate_pps)::float8,
         sum(v.opened + v.altered + v.closed)::int8, max(v.at)
    FROM coverage v JOIN zone z USING (zone_id) JOIN profile p USING (profile_id) LEFT JOIN sensor n USING (sensor_id)
   WHERE v.at > now() - make_interval(days => scan_cost.days)
   GROUP BY z.name, p.name, p.kind, n.name ORDER BY sum(v.at - v.from_at) DESC $$;
COMMENT ON FUNCTION report.scan_cost(int4) IS 'what looking costs: time and packets by zone, pass and sensor';

-- ------------------------------------------------------------------ alerts
CREATE TYPE report.alert_log_row AS (
  created_at timestamptz, observed_at timestamptz, event text, type text, severity text, zone text, subject text, summary text,
  delivered int4, waiting int4, dead int4, attempts int4, last_at timestamptz);
CREATE FUNCTION report.alert_log(days int4 DEFAULT 7) RETURNS SETOF report.alert_log_row
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  SELECT e.at, e.observed_at, e.id, e.type, e.severity, e.zone, e.subject, e.summary, COALESCE(d.delivered, 0), COALESCE(d.waiting, 0),
         COALESCE(d.dead, 0), COALESCE(d.n, 0), d.last_at
    FROM report.event e
    LEFT JOIN (SELECT v.event, sum(v.attempts)::int4 AS n, count(*) FILTER (WHERE v.state = 'delivered')::int4 AS delivered,
                      count(*) FILTER (WHERE v.state IN ('waiting', 'retry', 'held'))::int4 AS waiting, count(*) FILTER (WHERE v.state = 'dead')::int4 AS dead,
                      max(v.last_at) AS last_at
                 FROM report.delivery v WHERE v.created_at > now() - make_interval(days => alert_log.days) GROUP BY v.event) d ON d.event = e.id
   WHERE NOT e.baseline AND e.at > now() - make_interval(days => alert_log.days) ORDER BY e.at DESC, e.seq DESC $$;
COMMENT ON FUNCTION report.alert_log(int4) IS 'what there was to tell, and what became of telling it';

CREATE TYPE report.delivery_log_row AS (
  at timestamptz, endpoint text, event text, type text, zone text, subject text, n int4, outcome text, code int4, error text, ms int4,
  remote inet);
CREATE FUNCTION report.delivery_log(days int4 DEFAULT 7) RETURNS SETOF report.delivery_log_row
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  SELECT a.at, a.endpoint, a.event, d.type, d.zone, d.subject, a.n, a.outcome, a.code, a.error, a.ms, a.remote
    FROM report.attempt a LEFT JOIN report.delivery d ON d.endpoint = a.endpoint AND d.event = a.event
   WHERE a.at > now() - make_interval(days => delivery_log.days) ORDER BY a.at DESC, a.event DESC, a.n DESC $$;
COMMENT ON FUNCTION report.delivery_log(int4) IS 'every attempt to deliver, the latest first';

-- ------------------------------------------------------------------ the catalog
INSERT INTO report.catalog (name, title, question, category, params) VALUES
  ('changes_since', 'Changes', 'What changed since I last looked, and over which window?', 'changes',
   '[{"name": "since", "type": "timestamptz", "default": "a day ago", "help": "noted after this time"}]'),
  ('flapping', 'Flapping', 'What toggles most?', 'changes',
   '[{"name": "days", "type": "int4", "default": "7", "help": "how far back"}, {"name": "at_least", "type": "int4", "default": "4", "help": "changes of one fact"}]'),
  ('top_changers', 'Top changers', 'Which addresses change most?', 'changes', '[{"name": "days", "type": "int4", "default": "7", "help": "how far back"}]'),
  ('new_assets', 'New assets', 'Which machines appeared, where, who made them, seen by which sensor?', 'assets',
   '[{"name": "days", "type": "int4", "default": "7", "help": "how far back"}]'),
  ('missing_assets', 'Missing assets', 'What has gone, confirmed, since when, and what was it?', 'assets', '[]'),
  ('expectations_unmet', 'Unmet expectations', 'Which assets are not as people said they should be?', 'assets', '[]'),
  ('open_services', 'Open services', 'Which service and version runs where, on which port, since when?', 'services', '[]'),
  ('new_services', 'New services', 'Which ports opened, and what became of them?', 'services', '[{"name": "days", "type": "int4", "default": "7", "help": "how far back"}]'),
  ('closed_services', 'Closed services', 'Which ports closed, confirmed?', 'services', '[{"name": "days", "type": "int4", "default": "7", "help": "how far back"}]'),
  ('reopened_services', 'Reopened services', 'Which ports came back?', 'services', '[{"name": "days", "type": "int4", "default": "7", "help": "how far back"}]'),
  ('services_off_port', 'Services on unexpected ports', 'Which services run on ports that are registered for something else?', 'services', '[]'),
  ('unapproved_services', 'Services without approval', 'Which open services did nobody approve, on assets of which others are approved?', 'services', '[]'),
  ('cert_expiry', 'Certificates', 'Which certificates expire in 7, 30, 90 days, which are expired, shared, or self-signed?', 'services', '[]'),
  ('ip_history', 'History of an address', 'Who had this address when?', 'addresses',
   '[{"name": "ip", "type": "inet", "help": "the address"}, {"name": "zone", "type": "text", "default": "all", "help": "of this zone alone"}]'),
  ('mac_history', 'History of a MAC address', 'Where has this MAC address been, on which addresses?', 'addresses',
   '[{"name": "mac", "type": "macaddr", "help": "the MAC address"}, {"name": "zone", "type": "text", "default": "all", "help": "of this zone alone"}]'),
  ('ip_conflicts', 'Address conflicts', 'Which addresses are claimed by two devices?', 'addresses', '[]'),
  ('duplicate_macs', 'MAC addresses in several places', 'Which MAC addresses answer for several addresses at once?', 'addresses', '[]'),
  ('stale_or_unknown', 'Not looked at', 'Where do I not know, because nothing has been probed?', 'coverage', '[]'),
  ('coverage_slo', 'Freshness', 'How fresh is each kind of fact in each zone, and who is behind?', 'coverage', '[]'),
  ('scan_cost', 'Cost of scanning', 'Which time and how many packets does each zone, pass and sensor take?', 'coverage', '[{"name": "days", "type": "int4", "default": "7", "help": "how far back"}]'),
  ('alert_log', 'Alerts', 'What was there to tell, and what became of it?', 'alerts', '[{"name": "days", "type": "int4", "default": "7", "help": "how far back"}]'),
  ('delivery_log', 'Deliveries', 'What was sent, to whom, when, in how many attempts, and what failed?', 'alerts', '[{"name": "days", "type": "int4", "default": "7", "help": "how far back"}]'),
  ('asset', 'Assets', 'Which things are on the network?', 'tables', '[]'),
  ('host', 'Addresses', 'What holds at each address that was ever in use?', 'tables', '[]'),
  ('service', 'Services', 'Which ports are open, or were when their host was last there?', 'tables', '[]'),
  ('script_result', 'Script results', 'What do scripts say?', 'tables', '[]'),
  ('change', 'Ledger', 'Every edge between two facts', 'tables', '[]'),
  ('event', 'Events', 'What webhooks are told', 'tables', '[]'),
  ('coverage', 'Schedule', 'What is looked at, and what comes next?', 'tables', '[]'),
  ('visit', 'Visits', 'What was looked at, and when?', 'tables', '[]'),
  ('endpoint', 'Endpoints', 'Where do alerts go, and how is that going?', 'tables', '[]'),
  ('delivery', 'Events on their way', 'Where is each event on its way to each endpoint?', 'tables', '[]'),
  ('attempt', 'Attempts', 'Each attempt to deliver an event', 'tables', '[]'),
  ('annotation', 'Annotations', 'Who owns which asset, and what is expected of it?', 'tables', '[]'),
  ('approval', 'Approvals', 'Who approved what, until when?', 'tables', '[]'),
  ('annotation_log', 'Edits of annotations', 'Who said what about an asset, and when?', 'tables', '[]');

-- Words that mean the same in every report: for columns that have no comment of their own yet.
CREATE FUNCTION ops.describe_columns(p_words jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
  FOR r IN SELECT c.relname, a.attname, p_words ->> a.attname::text AS words FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            WHERE c.relnamespace = 'report'::regnamespace AND c.relkind IN ('v', 'c') AND p_words ? a.attname::text AND col_description(c.oid, a.attnum) IS NULL
  LOOP
    EXECUTE format('COMMENT ON COLUMN report.%I.%I IS %L', r.relname, r.attname, r.words);
  END LOOP;
END $$;
COMMENT ON COLUMN report.flapping_row.first_at IS 'first of these changes';
COMMENT ON COLUMN report.flapping_row.last_at IS 'last of these changes';
COMMENT ON COLUMN report.top_changers_row.changes IS 'changes of facts, details included';
COMMENT ON COLUMN report.top_changers_row.last_at IS 'last change';
COMMENT ON COLUMN report.ip_conflicts.first_at IS 'first return in 30 days';
COMMENT ON COLUMN report.ip_conflicts.last_at IS 'last return';
COMMENT ON COLUMN report.expectations_unmet.since IS 'since when, as far as it is known';
COMMENT ON COLUMN report.expectations_unmet.what IS 'absent; present; approved service missing; approval expired, service open';
COMMENT ON COLUMN report.duplicate_macs.addresses IS 'how many addresses answer with it';
COMMENT ON COLUMN report.duplicate_macs.first_seen IS 'since when, at the first of them';
COMMENT ON COLUMN report.stale_or_unknown.reason IS 'late: three intervals and 10 minutes have passed; never looked at; no longer looked at: out of the configuration';
COMMENT ON COLUMN report.stale_or_unknown.hosts IS 'hosts that were there when somebody looked last';
COMMENT ON COLUMN report.stale_or_unknown.sensor IS 'the engine that is at it now';
COMMENT ON COLUMN report.closed_services_row.last_seen IS 'last time it was seen open';
COMMENT ON COLUMN report.closed_services_row.first_seen IS 'when it had been found open';
COMMENT ON COLUMN report.new_services_row.state IS 'open; closed: again; dormant: open when its host was last there';
COMMENT ON COLUMN report.new_services_row.first_seen IS 'when it was found open';
COMMENT ON COLUMN report.new_services_row.baseline IS 'found by a first look, or with its host: not news';
COMMENT ON COLUMN report.cert_expiry.state IS 'expired, 7 days, 30 days, 90 days (left at most), valid, not yet valid, unknown (no date)';
COMMENT ON COLUMN report.cert_expiry.names IS 'other names it is for';
COMMENT ON COLUMN report.cert_expiry.shared IS 'places where the same certificate is in use, this one included';
COMMENT ON COLUMN report.missing_assets.open_ports IS 'ports that were open when it was last there';
COMMENT ON COLUMN report.alert_log_row.last_at IS 'last attempt';
COMMENT ON COLUMN report.scan_cost_row.last_at IS 'end of the last visit';
COMMENT ON COLUMN report.changes_since_row.type IS 'type of the event';
COMMENT ON COLUMN report.changes_since_row.last_seen IS 'last sighting of what closed';
COMMENT ON COLUMN report.delivery_log_row.at IS 'when it ended';
SELECT ops.describe_columns($w${
  "zone": "routing domain; the same address may be in use in two zones", "address": "IP address", "protocol": "tcp, udp or sctp; NULL: about the host",
  "port": "port number; NULL: about the host", "asset_id": "the asset (report.asset)", "asset_name": "what people call the asset: label, name or address",
  "name": "label, else reverse name, else address", "addresses": "the addresses it holds", "macs": "MAC addresses", "vendor": "maker, from the MAC address",
  "hostname": "name that was told or looked up", "hostnames": "names that it had then", "owner": "who answers for it", "criticality": "low, medium, high or critical",
  "expected_presence": "always, sometimes or never: what people expect", "first_sensor": "the engine that saw it first",
  "first_seen": "when it was first seen", "last_seen": "last positive evidence", "last_checked": "last complete look", "last_changed": "when the service last changed",
  "missing_since": "first look that missed it", "misses": "looks in a row without it", "approved": "somebody approved it, and that still holds",
  "state": "present; absent: confirmed by several misses; unknown: nobody has looked lately", "open_ports": "open ports on all its addresses",
  "service": "name of the service: probed, else what the port is registered for", "product": "software, as probed", "version": "of the software, as probed",
  "extra": "what else the service tells", "tunnel": "ssl when the service is inside TLS", "os": "operating system that the service tells",
  "device": "kind of device that the service tells", "cpe": "names in the Common Platform Enumeration",
  "method": "probed: the service said so; table: only the port number says so", "registered": "what the port is registered for",
  "at": "when it was observed", "noted_at": "when it was written down", "type": "what happened: port.opened ...", "kind": "kind of fact: presence, holder, port, service, script, text",
  "attribute": "script id, or what kind of text", "what": "opened, returned, changed, closed, reassigned", "old": "value before", "new": "value after",
  "change_id": "number of the change", "window_start": "start of the window that was asked for", "window_end": "its end: now",
  "edges": "changes of this one fact", "holds_now": "it holds at present", "changes": "facts that began, changed or ended", "news": "changes that were news",
  "why": "confirmed closed; another device has the address; expired", "closed_at": "first look that missed it", "valid": "the span in which it held; without end: it still does",
  "subject": "whom or what it is about", "issuer": "who signed it", "not_before": "valid from", "not_after": "valid until", "days_left": "whole days until it expires; negative: since",
  "self_signed": "subject and issuer are the same", "key_type": "rsa, ec ...", "key_bits": "length of the key", "signature": "algorithm of the signature", "sha1": "fingerprint",
  "present_now": "that device is there now", "mac": "MAC address", "claimed_by": "asset: holders alternate; mac: MAC addresses alternate", "turns": "times that an earlier one came back within 30 days",
  "claimants": "who had it in turn", "assets": "assets that hold these addresses", "address_list": "the addresses", "mac_kind": "global, local or random, virtual router",
  "first_address": "of the block, inside", "last_address": "of the block, inside", "pass": "name of the pass in the configuration", "every": "interval of full visits",
  "age": "time since the last complete look", "tries": "attempts since the last complete visit", "sensor": "the engine that looked",
  "blocks": "blocks of addresses", "visited": "blocks that were ever looked at completely", "on_time": "blocks whose last look is at most one and a half intervals old",
  "on_time_percent": "the same in percent", "oldest": "oldest last look", "newest": "newest last look", "oldest_age": "age of the oldest", "running": "blocks being looked at",
  "failing": "blocks with more than one attempt since the last complete look", "most_behind": "first address of the block that waits longest",
  "visits": "visits in that time", "aborted": "of them, broken off", "seconds": "duration of all of them", "mean_seconds": "mean duration", "longest_seconds": "longest duration",
  "probes": "probes sent", "retransmissions": "of them, sent again", "drops": "frames the kernel dropped before us", "loss": "share of answers that were lost, 0 to 1", "rate_pps": "mean of packets per second",
  "created_at": "when it was noted", "observed_at": "when it was observed", "event": "id of the event in every delivery", "severity": "debug, info, warning, high or critical",
  "summary": "one sentence", "delivered": "endpoints that took it", "waiting": "endpoints where it is tried again or waits", "dead": "endpoints where it was given up", "attempts": "attempts so far",
  "endpoint": "name of the webhook endpoint in the configuration", "n": "number of the attempt", "outcome": "ok, throttled, transient, endpoint, message, ours",
  "code": "HTTP status; NULL: no answer", "error": "what went wrong", "ms": "milliseconds", "remote": "address it was sent to"
}$w$);

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA inv, report, ops FROM PUBLIC;
SELECT ops.grant_roles();
DO $$
BEGIN
  -- views call it with the reader's rights
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'muster_reader') THEN
    GRANT EXECUTE ON FUNCTION inv.asset_name(uuid), inv.mac_of(text), inv.time_of(text), inv.is_usual(text, text, text) TO muster_reader;
  END IF;
END $$;
