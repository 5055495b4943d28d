-- The inventory as it was.  Facts are intervals, so what held at a time is what began by then and had not ended; what was known of a place
-- follows from the visits until then.
--
-- The time meant is that of the observation: a host that was missed at 10:00 and confirmed gone at 10:05 is gone as of 10:01, though at 10:01
-- nobody knew yet.  Whatever was beyond doubt at a time is told the same way for ever.

-- Since when the history of a zone is whole: retention moves it on.  No row: from its beginning.
CREATE TABLE inv.horizon (
  zone_id int4 PRIMARY KEY REFERENCES inv.zone ON DELETE CASCADE,
  since   timestamptz NOT NULL
);
CREATE FUNCTION inv.reaches(p_zone int4, p_t timestamptz) RETURNS bool LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
DECLARE v timestamptz; n text;
BEGIN
  SELECT h.since, z.name INTO v, n FROM horizon h JOIN zone z USING (zone_id) WHERE h.zone_id = p_zone AND h.since > p_t;
  IF FOUND THEN
    RAISE EXCEPTION 'the history of zone % is kept since % only', n, to_char(v AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') USING ERRCODE = 'M0002';
  END IF;
  RETURN true;
END $$;

-- Facts of these kinds (attr_id) in a zone, or at one address in it (p_addr not NULL), at a time.  Two statements rather than one with OR: an address
-- has to find its rows by key.
CREATE FUNCTION inv.facts_then(p_zone int4, p_t timestamptz, p_addr inet, p_attrs int4multirange)
RETURNS TABLE (addr inet, slot int4, attr_id int4, value uuid, since timestamptz, until timestamptz, seen_at timestamptz)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
  IF p_addr IS NULL THEN
    RETURN QUERY SELECT f.addr, f.slot, f.attr_id, f.value, f.since, NULL::timestamptz, NULL::timestamptz FROM inv.fact_now f
     WHERE f.zone_id = p_zone AND f.since <= p_t AND p_attrs @> f.attr_id
    UNION ALL
    SELECT c.addr, c.slot, c.attr_id, c.old_value, c.old_since, c.at, c.seen_at FROM inv.change c
     WHERE c.zone_id = p_zone AND c.at > p_t AND c.old_since <= p_t AND p_attrs @> c.attr_id;
  ELSE
    RETURN QUERY SELECT f.addr, f.slot, f.attr_id, f.value, f.since, NULL::timestamptz, NULL::timestamptz FROM inv.fact_now f
     WHERE f.zone_id = p_zone AND f.addr = p_addr AND f.since <= p_t AND p_attrs @> f.attr_id
    UNION ALL
    SELECT c.addr, c.slot, c.attr_id, c.old_value, c.old_since, c.at, c.seen_at FROM inv.change c
     WHERE c.zone_id = p_zone AND c.addr = p_addr AND c.at > p_t AND c.old_since <= p_t AND p_attrs @> c.attr_id;
  END IF;
END $$;

-- Where to look: every address of an asset then, one address in each zone, or (addr NULL) whole zones.
CREATE FUNCTION inv.places_then(p_zone text, p_addr inet, p_asset uuid, p_t timestamptz) RETURNS TABLE (zone_id int4, name text, addr inet)
LANGUAGE sql STABLE AS $$
  SELECT z.zone_id, z.name, q.addr
    FROM (SELECT f.zone_id, f.addr FROM inv.asset_place l JOIN inv.fact_now f ON f.zone_id = l.zone_id AND f.addr = l.addr AND f.slot = 0 AND f.attr_id = 0
           WHERE l.asset_id = p_asset AND f.value = p_asset AND f.since <= p_t
          UNION
          SELECT c.zone_id, c.addr FROM inv.change c WHERE c.attr_id = 0 AND c.old_value IS NOT NULL AND c.old_value = p_asset AND c.at > p_t AND c.old_since <= p_t) q
    JOIN inv.zone z USING (zone_id)
   WHERE (p_zone IS NULL OR z.name = p_zone) AND (p_addr IS NULL OR q.addr = p_addr) AND inv.reaches(z.zone_id, p_t)
  UNION ALL
  SELECT z.zone_id, z.name, p_addr FROM inv.zone z
   WHERE p_asset IS NULL AND (p_zone IS NULL OR z.name = p_zone) AND inv.reaches(z.zone_id, p_t) $$;

-- Blocks of a zone with the last complete look at them until a time by passes of these kinds, and whether that was fresh then.
CREATE FUNCTION inv.looked_then(p_zone int4, p_t timestamptz, p_kinds text[], p_addr inet)
RETURNS TABLE (lo inet, hi inet, slots int4multirange, kind text, last_at timestamptz, fresh bool) LANGUAGE sql STABLE AS $$
  SELECT b.lo, b.hi, p.slots, p.kind, v.at, COALESCE(v.at > p_t - 3 * p.every - interval '10 minutes' AND (s.retired_at IS NULL OR s.retired_at > p_t), false)
    FROM inv.schedule s JOIN inv.block b USING (block_id) JOIN inv.profile p USING (profile_id),
         LATERAL (SELECT c.at FROM inv.coverage c WHERE c.block_id = s.block_id AND c.profile_id = s.profile_id AND c.complete AND c.scope IS NULL
                     AND c.at <= p_t ORDER BY c.at DESC LIMIT 1) v
   WHERE s.zone_id = p_zone AND p.kind = ANY(p_kinds) AND (p_addr IS NULL OR (b.lo <= p_addr AND b.hi >= p_addr)) $$;

CREATE TYPE report.host_at_row AS (
  zone text, address inet, asset_id uuid, state text, mac text, vendor text, hostname text, first_seen timestamptz, present_since timestamptz,
  last_seen timestamptz, last_checked timestamptz, open_ports int4);
CREATE FUNCTION report.host_at(at timestamptz, zone text DEFAULT NULL, address inet DEFAULT NULL, asset uuid DEFAULT NULL) RETURNS SETOF report.host_at_row
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  WITH z AS MATERIALIZED (SELECT * FROM places_then(host_at.zone, host_at.address, host_at.asset, host_at.at)),
  h AS MATERIALIZED (
    SELECT z.zone_id, z.name, f.addr, (array_agg(f.value) FILTER (WHERE f.attr_id = 0))[1] AS holder, min(f.since) FILTER (WHERE f.attr_id = 0) AS held_since,
           min(f.since) FILTER (WHERE f.attr_id = 1) AS present_since, min(f.seen_at) FILTER (WHERE f.attr_id = 1 AND f.seen_at <= host_at.at) AS seen_at,
           (array_agg(f.value) FILTER (WHERE f.attr_id = 2))[1] AS mac, (array_agg(f.value) FILTER (WHERE f.attr_id = 3))[1] AS hostname,
           (count(*) FILTER (WHERE f.attr_id = 10))::int4 AS ports
      FROM z, LATERAL facts_then(z.zone_id, host_at.at, z.addr, '{[0,4),[10,11)}') f
     WHERE f.attr_id = 10 OR f.slot = 0 GROUP BY z.zone_id, z.name, f.addr),
  l AS MATERIALIZED (SELECT z.zone_id, w.lo, w.hi, w.last_at, w.fresh FROM z, LATERAL looked_then(z.zone_id, host_at.at, '{presence,ports}', z.addr) w)
  SELECT h.name, h.addr, h.holder, CASE WHEN c.fresh IS NOT TRUE THEN 'unknown' WHEN h.present_since IS NULL THEN 'absent' ELSE 'present' END,
         m.body, n.vendor, d.body, h.held_since, h.present_since,
         CASE WHEN h.present_since IS NOT NULL THEN COALESCE(h.seen_at, GREATEST(h.present_since, c.last_at))
              ELSE (SELECT COALESCE(x.seen_at, x.at) FROM change x WHERE x.zone_id = h.zone_id AND x.addr = h.addr AND x.attr_id = 1 AND x.new_value IS NULL
                       AND x.at <= host_at.at ORDER BY x.at DESC LIMIT 1) END,
         c.last_at, h.ports
    FROM h LEFT JOIN LATERAL (SELECT max(l.last_at) AS last_at, bool_or(l.fresh) AS fresh FROM l WHERE l.zone_id = h.zone_id AND l.lo <= h.addr AND l.hi >= h.addr) c ON true
    LEFT JOIN value_text m ON m.value = h.mac LEFT JOIN value_text d ON d.value = h.hostname
    LEFT JOIN host_note n ON n.zone_id = h.zone_id AND n.addr = h.addr
   WHERE h.holder IS NOT NULL AND (host_at.asset IS NULL OR h.holder = host_at.asset) ORDER BY h.name, h.addr $$;
COMMENT ON FUNCTION report.host_at(timestamptz, text, inet, uuid) IS 'report.host as it was';

CREATE TYPE report.asset_at_row AS (
  zone text, asset_id uuid, name text, state text, addresses inet[], macs text[], vendor text, hostname text, open_ports int4,
  first_seen timestamptz, last_seen timestamptz, last_checked timestamptz, label text, note text);
CREATE FUNCTION report.asset_at(at timestamptz, zone text DEFAULT NULL, asset uuid DEFAULT NULL) RETURNS SETOF report.asset_at_row
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  SELECT h.zone, h.asset_id, COALESCE(a.label, min(h.hostname), host(min(h.address))),
         CASE WHEN bool_or(h.state = 'present') THEN 'present' WHEN bool_or(h.state = 'unknown') THEN 'unknown' ELSE 'absent' END,
         array_agg(h.address ORDER BY h.address),
         (SELECT array_agg(k.key ORDER BY k.since) FROM asset_key k WHERE k.asset_id = h.asset_id AND k.kind = 1 AND k.since <= asset_at.at AND k.until > asset_at.at),
         min(h.vendor), min(h.hostname), sum(h.open_ports)::int4, LEAST(a.made_at, min(h.first_seen)), max(h.last_seen), max(h.last_checked), a.label, a.note
    FROM report.host_at(asset_at.at, asset_at.zone, NULL, asset_at.asset) h LEFT JOIN asset a ON a.asset_id = h.asset_id
   GROUP BY h.zone, h.asset_id, a.label, a.note, a.made_at ORDER BY h.zone, min(h.address) $$;
COMMENT ON FUNCTION report.asset_at(timestamptz, text, uuid) IS 'report.asset as it was';

CREATE TYPE report.service_at_row AS (
  zone text, address inet, asset_id uuid, protocol text, port int4, service text, product text, version text, extra text, hostname text, os text, device text,
  tunnel text, cpe text[], method text, state text, first_seen timestamptz, last_changed timestamptz, last_seen timestamptz, last_checked timestamptz);
CREATE FUNCTION report.service_at(at timestamptz, zone text DEFAULT NULL, address inet DEFAULT NULL, asset uuid DEFAULT NULL) RETURNS SETOF report.service_at_row
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  WITH z AS MATERIALIZED (SELECT * FROM places_then(service_at.zone, service_at.address, service_at.asset, service_at.at)),
  f AS MATERIALIZED (
    SELECT z.zone_id, z.name, q.* FROM z, LATERAL facts_then(z.zone_id, service_at.at, z.addr, '{[0,2),[10,12)}') q),
  l AS MATERIALIZED (SELECT z.zone_id, w.* FROM z, LATERAL looked_then(z.zone_id, service_at.at, '{ports}', z.addr) w)
  SELECT s.name, s.addr, o.value, protocol(s.slot), s.slot & 65535, COALESCE(v.name, n.name), v.product, v.version, v.extra, v.hostname, v.os, v.device,
         v.tunnel, COALESCE(v.cpe, '{}'), CASE WHEN v.value IS NULL THEN 'table' ELSE 'probed' END,
         CASE WHEN c.fresh IS NOT TRUE THEN 'unknown' WHEN h.addr IS NULL THEN 'dormant' ELSE 'open' END,
         s.since, GREATEST(s.since, d.since), COALESCE(CASE WHEN s.seen_at <= service_at.at THEN s.seen_at END, GREATEST(s.since, c.last_at)), c.last_at
    FROM f s
    LEFT JOIN f o ON o.zone_id = s.zone_id AND o.addr = s.addr AND o.slot = 0 AND o.attr_id = 0
    LEFT JOIN f h ON h.zone_id = s.zone_id AND h.addr = s.addr AND h.slot = 0 AND h.attr_id = 1
    LEFT JOIN f d ON d.zone_id = s.zone_id AND d.addr = s.addr AND d.slot = s.slot AND d.attr_id = 11
    LEFT JOIN value_service v ON v.value = d.value LEFT JOIN port_name n ON n.slot = s.slot
    LEFT JOIN LATERAL (SELECT max(l.last_at) AS last_at, bool_or(l.fresh) AS fresh FROM l
                        WHERE l.zone_id = s.zone_id AND l.lo <= s.addr AND l.hi >= s.addr AND l.slots @> s.slot) c ON true
   WHERE s.attr_id = 10 AND (service_at.asset IS NULL OR o.value = service_at.asset) ORDER BY s.name, s.addr, s.slot $$;
COMMENT ON FUNCTION report.service_at(timestamptz, text, inet, uuid) IS 'report.service as it was';

CREATE TYPE report.script_result_at_row AS (
  zone text, address inet, asset_id uuid, protocol text, port int4, script text, output text, data jsonb, present bool, first_seen timestamptz);
CREATE FUNCTION report.script_result_at(at timestamptz, zone text DEFAULT NULL, address inet DEFAULT NULL, asset uuid DEFAULT NULL) RETURNS SETOF report.script_result_at_row
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  WITH f AS MATERIALIZED (
    SELECT z.zone_id, z.name, q.* FROM places_then(script_result_at.zone, script_result_at.address, script_result_at.asset, script_result_at.at) z,
           LATERAL facts_then(z.zone_id, script_result_at.at, z.addr, '{[0,2),[100,)}') q)
  SELECT s.name, s.addr, o.value, protocol(s.slot), NULLIF(s.slot & 65535, 0), a.name, v.output, v.data, h.addr IS NOT NULL, s.since
    FROM f s JOIN attr a ON a.attr_id = s.attr_id AND a.kind = 'script'
    LEFT JOIN f o ON o.zone_id = s.zone_id AND o.addr = s.addr AND o.slot = 0 AND o.attr_id = 0
    LEFT JOIN f h ON h.zone_id = s.zone_id AND h.addr = s.addr AND h.slot = 0 AND h.attr_id = 1
    LEFT JOIN value_script v ON v.value = s.value WHERE script_result_at.asset IS NULL OR o.value = script_result_at.asset ORDER BY s.name, s.addr, s.slot, a.name $$;
COMMENT ON FUNCTION report.script_result_at(timestamptz, text, inet, uuid) IS 'report.script_result as it was';

-- The reports of the state, as they were.
CREATE FUNCTION report.open_services_at(at timestamptz, zone text DEFAULT NULL) RETURNS SETOF report.service_at_row
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  SELECT * FROM report.service_at(open_services_at.at, open_services_at.zone) s WHERE s.state = 'open' $$;
COMMENT ON FUNCTION report.open_services_at(timestamptz, text) IS 'report.open_services as it was';
CREATE FUNCTION report.missing_assets_at(at timestamptz, zone text DEFAULT NULL) RETURNS SETOF report.asset_at_row
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  SELECT * FROM report.asset_at(missing_assets_at.at, missing_assets_at.zone) a WHERE a.state = 'absent' $$;
COMMENT ON FUNCTION report.missing_assets_at(timestamptz, text) IS 'report.missing_assets as it was';
CREATE FUNCTION report.services_off_port_at(at timestamptz, zone text DEFAULT NULL) RETURNS SETOF report.service_at_row
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  SELECT s.* FROM report.service_at(services_off_port_at.at, services_off_port_at.zone) s
    LEFT JOIN port_name n ON n.slot = (CASE s.protocol WHEN 'tcp' THEN 6 WHEN 'udp' THEN 17 ELSE 132 END << 16) | s.port
   WHERE s.state = 'open' AND s.method = 'probed' AND s.service IS NOT NULL AND s.service NOT IN ('unknown', 'tcpwrapped')
     AND NOT is_usual(s.service, s.tunnel, n.name) $$;
COMMENT ON FUNCTION report.services_off_port_at(timestamptz, text) IS 'report.services_off_port as it was';
CREATE TYPE report.cert_expiry_at_row AS (
  zone text, address inet, asset_id uuid, protocol text, port int4, subject text, issuer text, not_before timestamptz, not_after timestamptz,
  days_left int4, self_signed bool, sha1 text, first_seen timestamptz);
CREATE FUNCTION report.cert_expiry_at(at timestamptz, zone text DEFAULT NULL) RETURNS SETOF report.cert_expiry_at_row
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  SELECT r.zone, r.address, r.asset_id, r.protocol, r.port, r.data #>> '{subject,commonName}',
         COALESCE(r.data #>> '{issuer,commonName}', r.data #>> '{issuer,organizationName}'), time_of(r.data #>> '{validity,notBefore}'), time_of(r.data #>> '{validity,notAfter}'),
         floor(EXTRACT(epoch FROM time_of(r.data #>> '{validity,notAfter}') - cert_expiry_at.at) / 86400)::int4, (r.data -> 'subject') = (r.data -> 'issuer'),
         r.data ->> 'sha1', r.first_seen
    FROM report.script_result_at(cert_expiry_at.at, cert_expiry_at.zone) r WHERE r.script = 'ssl-cert' AND r.present $$;
COMMENT ON FUNCTION report.cert_expiry_at(timestamptz, text) IS 'report.cert_expiry as it was: the days that were left then';

CREATE TYPE report.holder_at_row AS (zone text, address inet, asset_id uuid, asset_name text, mac macaddr, valid tstzrange, present bool);
CREATE FUNCTION report.holder_at(ip inet, at timestamptz, zone text DEFAULT NULL) RETURNS SETOF report.holder_at_row
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  SELECT z.name, holder_at.ip, o.value, asset_name(o.value),
         (SELECT mac_of(t.body) FROM facts_then(z.zone_id, holder_at.at, holder_at.ip, '{[0,3)}') m JOIN value_text t USING (value) WHERE m.attr_id = 2 AND m.slot = 0),
         tstzrange(o.since, o.until), EXISTS (SELECT FROM facts_then(z.zone_id, holder_at.at, holder_at.ip, '{[0,3)}') h WHERE h.attr_id = 1 AND h.slot = 0)
    FROM zone z, LATERAL facts_then(z.zone_id, holder_at.at, holder_at.ip, '{[0,3)}') o
   WHERE o.attr_id = 0 AND o.slot = 0 AND holder_at.ip IS NOT NULL AND (holder_at.zone IS NULL OR z.name = holder_at.zone) AND reaches(z.zone_id, holder_at.at) $$;
COMMENT ON FUNCTION report.holder_at(inet, timestamptz, text) IS 'who had an address at a time';

-- What differs between two times, whatever happened in between.
CREATE TYPE report.diff_row AS (
  at timestamptz, zone text, address inet, protocol text, port int4, kind text, attribute text, what text, detail bool, old jsonb, new jsonb,
  old_since timestamptz);
CREATE FUNCTION report.diff(t1 timestamptz, t2 timestamptz DEFAULT now(), zone text DEFAULT NULL) RETURNS SETOF report.diff_row
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  WITH z AS MATERIALIZED (SELECT z.zone_id, z.name FROM zone z WHERE (diff.zone IS NULL OR z.name = diff.zone) AND reaches(z.zone_id, diff.t1)),
  e AS MATERIALIZED (
    SELECT * FROM (
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
         CASE WHEN e.slot <> 0 AND e.attr_id >= 11 THEN EXISTS (SELECT FROM e p WHERE p.zone_id = e.zone_id AND p.addr = e.addr AND p.slot = e.slot AND p.attr_id = 10)
              WHEN a.kind IN ('holder', 'text') THEN e.old IS NULL OR e.new IS NULL OR a.kind = 'text' ELSE false END,
         shown(a.kind, e.old, e.zone_id, e.addr, e.slot), shown(a.kind, e.new, e.zone_id, e.addr, e.slot), e.old_since
    FROM e JOIN z USING (zone_id) JOIN attr a USING (attr_id) ORDER BY z.name, e.addr, e.slot, e.attr_id $$;
COMMENT ON FUNCTION report.diff(timestamptz, timestamptz, text) IS 'net difference of the inventory between two times';

INSERT INTO report.catalog (name, title, question, category, params)
SELECT v.name, v.title, v.question, v.category, v.first || '[{"name": "zone", "type": "text", "default": "all", "help": "of this zone alone"}]'::jsonb
       || CASE WHEN v.one AND v.name <> 'asset_at' THEN '[{"name": "address", "type": "inet", "default": "all", "help": "of this address alone"}]' ELSE '[]' END::jsonb
       || CASE WHEN v.one THEN '[{"name": "asset", "type": "uuid", "default": "all", "help": "of this asset alone"}]' ELSE '[]' END::jsonb
  FROM (VALUES
  ('asset_at', 'Assets as they were', 'Which things were on the network then?', 'assets', true, '[{"name": "at", "type": "timestamptz", "help": "the time"}]'::jsonb),
  ('host_at', 'Addresses as they were', 'What held at each address then?', 'addresses', true, '[{"name": "at", "type": "timestamptz", "help": "the time"}]'),
  ('service_at', 'Services as they were', 'Which ports were open then, and what answered?', 'services', true, '[{"name": "at", "type": "timestamptz", "help": "the time"}]'),
  ('script_result_at', 'Script results as they were', 'What did scripts say then?', 'services', true, '[{"name": "at", "type": "timestamptz", "help": "the time"}]'),
  ('open_services_at', 'Open services as they were', 'Which service and version ran where then?', 'services', false, '[{"name": "at", "type": "timestamptz", "help": "the time"}]'),
  ('services_off_port_at', 'Services on unexpected ports as they were', 'Which services ran on unexpected ports then?', 'services', false, '[{"name": "at", "type": "timestamptz", "help": "the time"}]'),
  ('cert_expiry_at', 'Certificates as they were', 'Which certificates were in use then, and how long were they good for?', 'services', false, '[{"name": "at", "type": "timestamptz", "help": "the time"}]'),
  ('missing_assets_at', 'Missing assets as they were', 'What was gone then?', 'assets', false, '[{"name": "at", "type": "timestamptz", "help": "the time"}]'),
  ('holder_at', 'Holder of an address', 'Who had this address at that time?', 'addresses', false, '[{"name": "ip", "type": "inet", "help": "the address"}, {"name": "at", "type": "timestamptz", "help": "the time"}]'),
  ('diff', 'Difference', 'What differs between two times, whatever happened in between?', 'changes', false,
   '[{"name": "t1", "type": "timestamptz", "help": "from"}, {"name": "t2", "type": "timestamptz", "default": "now", "help": "to"}]')
  ) AS v(name, title, question, category, one, first);
COMMENT ON COLUMN report.diff_row.at IS 'when it was observed to be so; something that closed: the first look that missed it';
COMMENT ON COLUMN report.diff_row.detail IS 'told by another line: what hangs on a port that opened or closed, who a new host is';
COMMENT ON COLUMN report.diff_row.what IS 'appeared, gone, opened, closed, changed, replaced';
COMMENT ON COLUMN report.service_at_row.state IS 'open; dormant: open when its host was last there; unknown: nobody had looked lately';
COMMENT ON COLUMN report.service_at_row.first_seen IS 'when it was found open';
COMMENT ON COLUMN report.host_at_row.state IS 'present; absent: confirmed by several misses, by now; unknown: nobody had looked lately';
COMMENT ON COLUMN report.host_at_row.first_seen IS 'since when this asset held the address';
COMMENT ON COLUMN report.host_at_row.last_seen IS 'last positive evidence until then';
COMMENT ON COLUMN report.host_at_row.last_checked IS 'last complete look until then';
COMMENT ON COLUMN report.holder_at_row.present IS 'it was there at that time';
SELECT ops.describe_columns($w${
  "zone": "routing domain; the same address may be in use in two zones", "address": "IP address", "protocol": "tcp, udp or sctp; NULL: about the host",
  "port": "port number; NULL: about the host", "asset_id": "the asset (report.asset)", "asset_name": "what people call the asset: label, name or address",
  "name": "label, else reverse name, else address", "addresses": "the addresses it held", "macs": "MAC addresses that identified it", "vendor": "maker, from the MAC address",
  "hostname": "name that was told or looked up", "first_seen": "when it was first seen", "last_seen": "last positive evidence until then", "last_checked": "last complete look until then",
  "last_changed": "when the service last changed until then", "present_since": "since when it had been there without a break; NULL: it was not",
  "state": "present; absent: confirmed by several misses, by now; unknown: nobody had looked lately", "open_ports": "open ports on all its addresses",
  "label": "name given by a person, as it is now", "note": "remark of a person, as it is now", "mac": "MAC address that answered",
  "service": "name of the service: probed, else what the port is registered for", "product": "software, as probed", "version": "of the software, as probed",
  "extra": "what else the service told", "tunnel": "ssl when the service is inside TLS", "os": "operating system that the service told",
  "device": "kind of device that the service told", "cpe": "names in the Common Platform Enumeration", "method": "probed: the service said so; table: only the port number says so",
  "script": "script id", "output": "the text nmap would print", "data": "structured output", "present": "its host was there", "valid": "the span in which it held; without end: it still does",
  "kind": "kind of fact: presence, holder, port, service, script, text", "attribute": "script id, or what kind of text", "old": "value at the first time", "new": "value at the second",
  "old_since": "since when the old value held", "subject": "whom it is about", "issuer": "who signed it", "not_before": "valid from", "not_after": "valid until",
  "days_left": "whole days that were left; negative: since it had expired", "self_signed": "subject and issuer are the same", "sha1": "fingerprint"
}$w$);
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA inv, report, ops FROM PUBLIC;
SELECT ops.grant_roles();
