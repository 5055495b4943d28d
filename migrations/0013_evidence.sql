-- What devices say unasked (sightings of the passive listeners): evidence of who an address is, and a reason to look at it now.
--
-- A sighting opens and closes nothing: facts come from probes alone.  It is kept as evidence, and an address that the inventory does
-- not hold as present is visited at once.  What is heard again as before costs no write, but for one a day that keeps `last_at` fresh.

-- What an address was heard to say of itself.  kind is "<protocol>-<what>": mac; dhcp-client-id, dhcp-hostname, dhcp-vendor-class,
-- dhcp-parameters; dhcpv6-client-id, ...; mdns-name, mdns-model, mdns-service, ...; nbns-name, nbns-group; lldp-chassis, lldp-name,
-- lldp-port, ...; cdp-device, cdp-platform, cdp-port, ...; ssdp-usn, ssdp-server, ...; role ("router", "dhcp-server"), prefix, vlan.
CREATE TABLE inv.evidence (
  zone_id  int4 NOT NULL,
  addr     inet NOT NULL,
  kind     text NOT NULL,
  key      text NOT NULL,
  source   text NOT NULL,                   -- protocol that said it last: arp nd ra dhcp dhcpv6 mdns lldp cdp ssdp nbns
  first_at timestamptz NOT NULL,
  last_at  timestamptz NOT NULL,            -- refreshed once a day
  CONSTRAINT evidence_pk PRIMARY KEY (zone_id, addr, kind, key)
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX evidence_key ON inv.evidence (zone_id, kind, key);

-- The same for what speaks without an address of its own: switches (LLDP, CDP), clients before their first lease.  Addresses that
-- a device claims outside of the zone's networks stand here as kind "address".
CREATE TABLE inv.link_evidence (
  zone_id  int4 NOT NULL,
  mac      macaddr NOT NULL,
  kind     text NOT NULL,
  key      text NOT NULL,
  source   text NOT NULL,
  first_at timestamptz NOT NULL,
  last_at  timestamptz NOT NULL,
  CONSTRAINT link_evidence_pk PRIMARY KEY (zone_id, mac, kind, key)
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05);

-- Which addresses were heard, and when.  last_at is exact to ten seconds for addresses that are not present, to a day for the others.
CREATE TABLE inv.heard (
  zone_id  int4 NOT NULL,
  addr     inet NOT NULL,
  source   text NOT NULL,                   -- of the latest that was written down
  first_at timestamptz NOT NULL,
  last_at  timestamptz NOT NULL,
  asked_at timestamptz,                     -- when a visit was asked for on account of a sighting
  asks     int2 NOT NULL DEFAULT 0,         -- in a row
  CONSTRAINT heard_pk PRIMARY KEY (zone_id, addr)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

COMMENT ON TABLE inv.evidence IS 'what addresses were heard to say of themselves';
COMMENT ON TABLE inv.link_evidence IS 'what MAC addresses were heard to say of themselves';
COMMENT ON TABLE inv.heard IS 'addresses that were heard, whether they answer probes or not';

-- When an address was heard last; NULL: never.
CREATE FUNCTION inv.last_heard(p_zone int4, p_addr inet) RETURNS timestamptz
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  SELECT h.last_at FROM inv.heard h WHERE h.zone_id = p_zone AND h.addr = p_addr $$;

-- How long after an ask the same address is asked for again: devices that just start need some seconds.
CREATE FUNCTION inv.ask_again(p_asks int) RETURNS interval LANGUAGE sql IMMUTABLE AS $$
  SELECT LEAST(interval '10 minutes', interval '1 second' * power(4, LEAST(GREATEST(p_asks, 1), 8) - 1)) $$;

CREATE TYPE inv.sighting AS (
  n int4, zone_id int4, at timestamptz, addr inet, mac macaddr, source text, held bool,
  verdict "char");

-- Takes sightings.  s_*: one element per (sighting, address); addr NULL: it has none.  held: it speaks from this address or claims it;
-- else it only wants it (DHCP, a probe before use), which is a reason to look but no evidence.  e_*: what it says, e_of is the number
-- of its sighting in s_* from 1.  Idempotent.
-- Verdicts: n(ews: not held to be present, or by another device; a visit is due now) w(aits: news, and asked for not long ago)
--   k(nown) o(utside of the zone's blocks: evidence only) f(ull: too many silent addresses, forgotten) u(nknown zone: forgotten)
CREATE FUNCTION api.sight(s_zone text[], s_at timestamptz[], s_addr inet[], s_mac macaddr[], s_source text[], s_held bool[],
                          e_of int4[], e_kind text[], e_key text[])
RETURNS TABLE (n int4, verdict "char")
LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
#variable_conflict use_column
DECLARE
  c_silent_max CONSTANT int := 65536;       -- addresses of a zone that were heard and never answered
  c_said_max   CONSTANT int := 128;         -- rows of one address or MAC address
  v sighting[]; v_ask sighting[];
BEGIN
  v := ARRAY(
    SELECT ROW(t.n, z.zone_id, LEAST(t.at, now()), t.addr, t.mac, t.source, t.held, CASE
             WHEN z.zone_id IS NULL THEN 'u'
             WHEN t.addr IS NULL THEN 'k'
             WHEN NOT COALESCE((SELECT b.hi >= t.addr FROM block b WHERE b.zone_id = z.zone_id AND b.retired_at IS NULL AND b.lo <= t.addr
                                 ORDER BY b.lo DESC LIMIT 1), false) THEN 'o'
             WHEN NOT EXISTS (SELECT FROM fact_now f WHERE (f.zone_id, f.addr, f.slot, f.attr_id) = (z.zone_id, t.addr, 0, 1)) THEN 'n'
             WHEN t.held AND t.mac IS NOT NULL AND t.source IN ('arp', 'nd') AND EXISTS (
                  SELECT FROM fact_now f JOIN value_text x USING (value)
                   WHERE (f.zone_id, f.addr, f.slot, f.attr_id) = (z.zone_id, t.addr, 0, 2) AND x.body <> t.mac::text) THEN 'n'
             ELSE 'k' END::"char")::sighting
      FROM unnest(s_zone, s_at, s_addr, s_mac, s_source, s_held) WITH ORDINALITY t(zone, at, addr, mac, source, held, n)
      LEFT JOIN zone z ON z.name = t.zone AND z.retired_at IS NULL);

  -- a stranger who invents senders can not fill the disk
  IF EXISTS (SELECT FROM unnest(v) s WHERE s.verdict IN ('n', 'o')
              AND NOT EXISTS (SELECT FROM heard h WHERE h.zone_id = s.zone_id AND h.addr = s.addr)) THEN
    v := ARRAY(
      SELECT ROW(s.n, s.zone_id, s.at, s.addr, s.mac, s.source, s.held, CASE WHEN s.verdict IN ('n', 'o') AND q.crowd >= c_silent_max
               AND NOT EXISTS (SELECT FROM heard h WHERE h.zone_id = s.zone_id AND h.addr = s.addr) THEN 'f' ELSE s.verdict END)::sighting
        FROM unnest(v) s
        LEFT JOIN (SELECT z.zone_id, (SELECT count(*) FROM (SELECT FROM heard h WHERE h.zone_id = z.zone_id AND NOT EXISTS (
                            SELECT FROM fact_now f WHERE f.zone_id = h.zone_id AND f.addr = h.addr AND f.slot = 0 AND f.attr_id = 0)
                            LIMIT c_silent_max) c) AS crowd
                     FROM (SELECT DISTINCT zone_id FROM unnest(v)) z) q ON q.zone_id = s.zone_id);
  END IF;

  INSERT INTO heard AS h (zone_id, addr, source, first_at, last_at)
  SELECT DISTINCT ON (s.zone_id, s.addr) s.zone_id, s.addr, s.source, s.at, s.at FROM unnest(v) s
   WHERE s.addr IS NOT NULL AND (s.held OR s.verdict = 'n') AND s.verdict IN ('n', 'k', 'o')
     AND NOT EXISTS (SELECT FROM heard o WHERE o.zone_id = s.zone_id AND o.addr = s.addr
                        AND o.last_at > s.at - CASE WHEN s.verdict = 'k' THEN interval '1 day' ELSE interval '10 seconds' END)
   ORDER BY s.zone_id, s.addr, s.at DESC
  ON CONFLICT ON CONSTRAINT heard_pk DO UPDATE SET last_at = GREATEST(h.last_at, excluded.last_at), source = excluded.source;

  INSERT INTO evidence AS e (zone_id, addr, kind, key, source, first_at, last_at)
  SELECT DISTINCT ON (q.zone_id, q.addr, q.kind, q.key) q.* FROM (
    SELECT s.zone_id, s.addr, x.kind, x.key, s.source, s.at, s.at
      FROM unnest(v) s JOIN (
           SELECT t.e_of, t.kind, t.key FROM unnest(e_of, e_kind, e_key) t(e_of, kind, key)
           UNION ALL SELECT m.n, 'mac', m.mac::text FROM unnest(v) m WHERE m.mac IS NOT NULL) x ON x.e_of = s.n
     WHERE s.held AND s.addr IS NOT NULL AND s.verdict IN ('n', 'k', 'o')
    UNION ALL                                 -- what the device said before it had an address
    SELECT s.zone_id, s.addr, l.kind, l.key, l.source, l.first_at, l.last_at
      FROM unnest(v) s JOIN link_evidence l ON l.zone_id = s.zone_id AND l.mac = s.mac AND l.source IN ('dhcp', 'dhcpv6')
     WHERE s.held AND s.addr IS NOT NULL AND s.verdict IN ('n', 'k', 'o') AND s.source IN ('arp', 'nd')) AS q(zone_id, addr, kind, key, source, first_at, last_at)
   WHERE NOT EXISTS (SELECT FROM evidence o WHERE o.zone_id = q.zone_id AND o.addr = q.addr AND o.kind = q.kind AND o.key = q.key
                        AND o.last_at > q.last_at - interval '1 day'
                        -- of several MAC addresses the one heard last is the latest
                        AND (q.kind <> 'mac' OR o.last_at >= q.last_at OR NOT EXISTS (
                             SELECT FROM evidence m WHERE m.zone_id = q.zone_id AND m.addr = q.addr AND m.kind = 'mac'
                                AND m.key <> q.key AND m.last_at >= o.last_at)))
     AND (SELECT count(*) FROM evidence o WHERE o.zone_id = q.zone_id AND o.addr = q.addr) < c_said_max
   ORDER BY q.zone_id, q.addr, q.kind, q.key, q.last_at DESC
  ON CONFLICT ON CONSTRAINT evidence_pk DO UPDATE SET last_at = GREATEST(e.last_at, excluded.last_at), source = excluded.source;

  INSERT INTO link_evidence AS e (zone_id, mac, kind, key, source, first_at, last_at)
  SELECT DISTINCT ON (q.zone_id, q.mac, q.kind, q.key) q.* FROM (
    SELECT s.zone_id, s.mac, x.kind, x.key, s.source, s.at, s.at
      FROM unnest(v) s JOIN unnest(e_of, e_kind, e_key) x(e_of, kind, key) ON x.e_of = s.n
     WHERE (s.addr IS NULL OR NOT s.held) AND s.mac IS NOT NULL AND s.verdict <> 'u') AS q(zone_id, mac, kind, key, source, first_at, last_at)
   WHERE NOT EXISTS (SELECT FROM link_evidence o WHERE o.zone_id = q.zone_id AND o.mac = q.mac AND o.kind = q.kind AND o.key = q.key
                        AND o.last_at > q.last_at - interval '1 day')
     AND (SELECT count(*) FROM link_evidence o WHERE o.zone_id = q.zone_id AND o.mac = q.mac) < c_said_max
   ORDER BY q.zone_id, q.mac, q.kind, q.key, q.last_at DESC
  ON CONFLICT ON CONSTRAINT link_evidence_pk DO UPDATE SET last_at = GREATEST(e.last_at, excluded.last_at), source = excluded.source;

  -- Looked at now, unless that was asked for a moment ago.
  WITH a AS (
    UPDATE heard h SET asked_at = now(), asks = CASE WHEN h.asked_at > now() - interval '20 minutes' THEN LEAST(h.asks + 1, 100) ELSE 1 END
      FROM (SELECT DISTINCT s.zone_id, s.addr FROM unnest(v) s WHERE s.verdict = 'n') s
     WHERE h.zone_id = s.zone_id AND h.addr = s.addr AND (h.asked_at IS NULL OR h.asked_at <= now() - ask_again(h.asks))
    RETURNING h.zone_id, h.addr)
  SELECT ARRAY(SELECT ROW(0, a.zone_id, NULL, a.addr, NULL, NULL, NULL, NULL)::sighting FROM a) INTO v_ask;
  IF cardinality(v_ask) > 0 THEN
    PERFORM ask_visits(v_ask);
  END IF;

  RETURN QUERY SELECT s.n, CASE WHEN s.verdict = 'n' AND NOT EXISTS (SELECT FROM unnest(v_ask) a WHERE a.zone_id = s.zone_id AND a.addr = s.addr)
                                THEN 'w' ELSE s.verdict END FROM unnest(v) s ORDER BY s.n;
END $$;

-- Makes the presence and ports passes of these addresses due, for these alone.
CREATE FUNCTION inv.ask_visits(p inv.sighting[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE v int8[];
BEGIN
  -- locked in one order: others lock several of these too
  v := ARRAY(SELECT s.schedule_id FROM inv.schedule s WHERE s.schedule_id = ANY(ARRAY(
               SELECT r.schedule_id FROM (
                 SELECT (SELECT b.block_id FROM inv.block b WHERE b.zone_id = a.zone_id AND b.retired_at IS NULL AND b.lo <= a.addr
                          ORDER BY b.lo DESC LIMIT 1) AS block_id FROM unnest(p) a) q
                 JOIN inv.schedule r USING (block_id) WHERE r.retired_at IS NULL AND r.kind IN ('presence', 'ports')))
              ORDER BY s.schedule_id FOR NO KEY UPDATE);
  UPDATE inv.schedule s SET asked = ARRAY(SELECT unnest(s.asked) UNION SELECT a.addr FROM unnest(p) a
                                           WHERE a.zone_id = s.zone_id AND a.addr BETWEEN b.lo AND b.hi),
         due_at = CASE WHEN s.sensor_id IS NULL AND s.due_at < 'infinity' THEN LEAST(s.due_at, now()) ELSE s.due_at END
    FROM inv.block b WHERE s.schedule_id = ANY(v) AND b.block_id = s.block_id;
END $$;

-- Forgets addresses that never answered and were not heard for p_silent, and what was not said again for p_said.  Answers how many
-- rows went.
CREATE FUNCTION api.forget_heard(p_silent interval DEFAULT '30 days', p_said interval DEFAULT '365 days') RETURNS int8
LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
DECLARE v_n int8 := 0; v_m int8;
BEGIN
  WITH gone AS (
    DELETE FROM heard h WHERE h.last_at < now() - p_silent
       AND NOT EXISTS (SELECT FROM fact_now f WHERE f.zone_id = h.zone_id AND f.addr = h.addr AND f.slot = 0 AND f.attr_id = 0)
    RETURNING h.zone_id, h.addr)
  DELETE FROM evidence e USING gone g WHERE e.zone_id = g.zone_id AND e.addr = g.addr;
  GET DIAGNOSTICS v_n = ROW_COUNT;
  DELETE FROM evidence e WHERE e.last_at < now() - p_said;
  GET DIAGNOSTICS v_m = ROW_COUNT; v_n := v_n + v_m;
  DELETE FROM link_evidence e WHERE e.last_at < now() - p_silent;
  GET DIAGNOSTICS v_m = ROW_COUNT;
  RETURN v_n + v_m;
END $$;

REVOKE ALL ON FUNCTION inv.last_heard(int4, inet), inv.ask_again(int), inv.ask_visits(inv.sighting[]),
  api.sight(text[], timestamptz[], inet[], macaddr[], text[], bool[], int4[], text[], text[]), api.forget_heard(interval, interval) FROM PUBLIC;
DO $$ BEGIN PERFORM ops.grant_roles(); END $$;
