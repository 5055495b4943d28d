-- Who is who: assets from weighted evidence, as in record linkage (Fellegi and Sunter).
--
-- Facts are keyed by address, and one fact says which asset holds the address.  A visit gives an address its holder at once, by the MAC
-- address alone (strangers, admit).  What else is learned of it (host keys, engine ids, names ...) is weighed a moment later, when a visit of its block ends:
-- changes put the address into inv.identity_due, and inv.identify() decides.  A merge or a split writes
-- holders, places and keys, never another fact; each is logged with its evidence and can be undone.

CREATE TABLE inv.key_kind (
  kind   int2 PRIMARY KEY,
  name   text NOT NULL UNIQUE,
  agree  real NOT NULL,                     -- for an asset that has shown this key
  clash  real NOT NULL,                     -- against an asset that shows other keys of this kind
  strong bool NOT NULL,                     -- may merge assets; a name alone never does
  many   bool NOT NULL                      -- an asset keeps all it has shown (network cards); else a new one retires the old one
);
COMMENT ON TABLE inv.key_kind IS 'kinds of evidence of identity and their weights; 6 bind an address to an asset, 12 merge two assets';
INSERT INTO inv.key_kind VALUES
  (1, 'mac', 8, 4, true, true), (2, 'random-mac', 6, 1.5, true, false), (3, 'snmp-engine', 9, 7, true, false),
  (4, 'ssh-hostkey', 8, 5, true, false), (5, 'tls-key', 6, 1, true, false), (6, 'smb-guid', 8, 6, true, false),
  (7, 'mdns-name', 5, 3, true, false), (8, 'name', 3, 2, false, false), (9, 'dhcp-client-id', 8, 2, true, false),
  (10, 'serial', 9, 7, true, false), (11, 'device-id', 8, 5, true, false), (12, 'lldp-chassis', 8, 4, true, false);

-- Where keys stand in results of scripts: a jsonpath into the structured output.
CREATE TABLE inv.key_path (
  script text NOT NULL,
  path   jsonpath NOT NULL,
  kind   int2 NOT NULL REFERENCES inv.key_kind,
  word   text NOT NULL,                     -- the key's name as the script declares it; '' for paths that are seeded here
  CONSTRAINT key_path_pk PRIMARY KEY (script, kind, word)
);
INSERT INTO inv.key_path(script, path, kind, word) VALUES
  ('ssh-hostkey', '$[*].key', 4, 'key'), ('ssl-cert', '$.pubkey.modulus', 5, 'pubkey'), ('ssl-cert', '$.sha1', 5, 'sha1'),
  ('snmp-info', '$.engineIDData', 3, 'engineIDData'),
  ('consul-info', '$.**."Node ID"', 11, 'Node ID'), ('prometheus-info', '$.**."Host name"', 8, 'Host name'), ('couchdb-stats', '$.**.uuid', 11, 'uuid'),
  ('nbstat', '$.mac', 1, 'mac'), ('nbstat', '$.server_name', 8, 'server_name'), ('smb-os-discovery', '$.fqdn', 8, 'fqdn'),
  ('smb-os-discovery', '$.server', 8, 'server'), ('rdp-ntlm-info', '$.DNS_Computer_Name', 8, ''),
  ('snmp-interfaces', '$.**."MAC address"', 1, 'MAC address'), ('upnp-info', '$.**.UDN', 11, ''), ('dns-service-discovery', '$.**.id', 11, '');
-- The same for what passive listeners hear (inv.evidence).
CREATE TABLE inv.key_heard (heard text PRIMARY KEY, kind int2 NOT NULL REFERENCES inv.key_kind);
INSERT INTO inv.key_heard VALUES
  ('dhcp-client-id', 9), ('dhcpv6-client-id', 9), ('dhcp-hostname', 8), ('mdns-name', 7), ('nbns-name', 8), ('lldp-chassis', 12),
  ('cdp-device', 11), ('ssdp-usn', 11);

-- The keys that an address shows now; kept by inv.identify().  Kind 0: a MAC address of a redundant gateway.
CREATE TABLE inv.addr_key (
  zone_id int4 NOT NULL,
  addr    inet NOT NULL,
  kind    int2 NOT NULL,
  key     text NOT NULL,
  since   timestamptz NOT NULL,
  CONSTRAINT addr_key_pk PRIMARY KEY (zone_id, addr, kind, key)
);
CREATE INDEX addr_key_key ON inv.addr_key (zone_id, kind, key);
-- Keys that tell nothing: shown by several devices at once.  For good: what was copied once will be again.
CREATE TABLE inv.key_distrust (
  zone_id int4 NOT NULL,
  kind    int2 NOT NULL,
  key     text NOT NULL,
  at      timestamptz NOT NULL,
  reason  text NOT NULL,
  CONSTRAINT key_distrust_pk PRIMARY KEY (zone_id, kind, key)
);
-- Addresses whose evidence changed, and when.  No key: writers never wait for each other here.
CREATE TABLE inv.identity_due (
  zone_id int4 NOT NULL,
  addr    inet NOT NULL,
  at      timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE INDEX identity_due_addr ON inv.identity_due (zone_id, addr);
-- What a person knows better: these two are not one device.  Beats every score.  a < b.
CREATE TABLE inv.asset_apart (
  zone_id int4 NOT NULL,
  a       uuid NOT NULL,
  b       uuid NOT NULL CHECK (a < b),
  by_whom text NOT NULL,
  at      timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT asset_apart_pk PRIMARY KEY (zone_id, a, b)
);
CREATE TABLE inv.identity_log (
  log_id    int8 GENERATED ALWAYS AS IDENTITY,
  zone_id   int4 NOT NULL,
  at        timestamptz NOT NULL DEFAULT clock_timestamp(),
  what      text NOT NULL CHECK (what IN ('merged', 'split', 'moved', 'replaced', 'distrusted', 'undone')),
  addr      inet,                           -- NULL: merges
  asset_id  uuid,                           -- merged: the one that ended; else who held the address before
  other_id  uuid,                           -- merged: the one that stays; else who holds it now
  score     real,                           -- of the asset that won
  evidence  jsonb NOT NULL,                 -- keys that agreed and clashed; merged: what moved, for the undoing
  by_whom   text NOT NULL DEFAULT 'muster',
  reason    text,
  undone_at timestamptz,
  CONSTRAINT identity_log_pk PRIMARY KEY (zone_id, log_id)
);
CREATE INDEX identity_log_asset ON inv.identity_log (asset_id);
CREATE INDEX identity_log_other ON inv.identity_log (other_id);
ALTER TABLE inv.asset ADD COLUMN merged_into uuid, ADD COLUMN ended_at timestamptz;

-- ------------------------------------------------------------------ MAC addresses
-- g(lobal), s(table: local bits of virtual machines), r(andom), x: virtual address of a redundant gateway (VRRP and CARP RFC 5798, HSRP,
-- GLBP, NLB) or made from the IP address (containers); NULL: names nobody.
CREATE FUNCTION inv.mac_kind(p macaddr) RETURNS "char" LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN p IS NULL OR p = '00:00:00:00:00:00' OR get_byte(macaddr_send(p), 0) & 1 = 1 THEN NULL
    WHEN trunc(p) = '00:00:5e:00:00:00' OR trunc(p) = '00:07:b4:00:00:00' OR p::text ~ '^(00:00:0c:(07:ac|9f:f.)|02:bf|02:42)' THEN 'x'
    WHEN trunc(p) = '52:54:00:00:00:00' THEN 's'
    WHEN get_byte(macaddr_send(p), 0) & 2 = 2 THEN 'r'
    ELSE 'g' END::"char" $$;

-- A MAC address that names one device for good.
CREATE OR REPLACE FUNCTION inv.mac_identifies(p macaddr) RETURNS bool LANGUAGE sql IMMUTABLE AS $$
  SELECT COALESCE(inv.mac_kind(p) IN ('g', 's'), false) $$;

-- The addresses that one switch or radio cell is taken to hold: identity looks for copies there.
CREATE FUNCTION inv.segment(p inet) RETURNS cidr LANGUAGE sql IMMUTABLE AS $$
  SELECT network(set_masklen(p, CASE WHEN family(p) = 4 THEN 24 ELSE 64 END)) $$;

-- ------------------------------------------------------------------ at once: by MAC address

-- Whether the address changes hands so often that two devices must be claiming it, or one with two cards on a segment: it goes back
-- to somebody who held it within a day.
CREATE FUNCTION inv.contested(p_zone int4, p_addr inet, p_to uuid, p_at timestamptz) RETURNS bool LANGUAGE sql STABLE AS $$
  SELECT count(*) >= 2 AND bool_or(c.old_value = p_to) FROM inv.change c
   WHERE c.zone_id = p_zone AND c.addr = p_addr AND c.attr_id = 0 AND c.at > p_at - interval '1 day' $$;

-- The hosts without a holder, or whose holder is not the one their MAC address names.  Nothing is written.
CREATE OR REPLACE FUNCTION inv.strangers(p_zone int4, p_at timestamptz, p_addr inet[], p_mac macaddr[]) RETURNS inv.who[]
LANGUAGE sql STABLE AS $$
  SELECT ARRAY(
    SELECT ROW(q.addr, q.mac, q.was, q.since, q.asset_id, q.clash)::inv.who FROM (
      SELECT h.addr, h.mac, h.was, h.since, k.asset_id,
             h.mac IS NOT NULL AND h.was IS NOT NULL AND EXISTS (SELECT FROM inv.asset_key o
                WHERE o.asset_id = h.was AND o.kind = 1 AND o.until = 'infinity' AND o.key <> h.mac) AS clash
        FROM (SELECT t.addr, f.value AS was, f.since,
                     CASE WHEN inv.mac_identifies(t.mac) AND count(*) OVER (PARTITION BY t.mac) <= 3 THEN t.mac::text END AS mac
                FROM unnest(p_addr, p_mac) t(addr, mac)
                LEFT JOIN inv.fact_now f ON f.zone_id = p_zone AND f.addr = t.addr AND f.slot = 0 AND f.attr_id = 0) h
        LEFT JOIN inv.asset_key k ON k.zone_id = p_zone AND k.kind = 1 AND k.key = h.mac AND k.until = 'infinity'
       WHERE (h.was IS NULL OR (h.mac IS NOT NULL AND k.asset_id IS DISTINCT FROM h.was)) AND (h.since IS NULL OR h.since < p_at)) q
     WHERE q.was IS NULL
        OR (NOT EXISTS (SELECT FROM inv.key_distrust d WHERE d.zone_id = p_zone AND d.kind = 1 AND d.key = q.mac)
            AND NOT (q.asset_id IS NOT NULL AND inv.contested(p_zone, q.addr, q.asset_id, p_at)))) $$;

-- Gives each stranger its asset: the one its MAC address names, else the one that is there and never showed another, else a new one (one
-- for all addresses of a MAC address).  Writes assets and keys; answers the holder of each.
CREATE OR REPLACE FUNCTION inv.admit(p_zone int4, p_at timestamptz, p_who inv.who[]) RETURNS TABLE (addr inet, holder uuid)
LANGUAGE sql VOLATILE AS $$
  WITH t AS MATERIALIZED (
    SELECT w.addr, w.was, w.since, w.by_mac, w.clash,
           CASE WHEN NOT EXISTS (SELECT FROM inv.key_distrust d WHERE d.zone_id = p_zone AND d.kind = 1 AND d.key = w.mac) THEN w.mac END AS mac
      FROM unnest(p_who) w),
  w AS MATERIALIZED (
    SELECT t.*, COALESCE(CASE WHEN t.mac IS NOT NULL THEN t.by_mac END, CASE WHEN NOT t.clash THEN t.was END,
                         CASE WHEN t.mac IS NOT NULL THEN
                           (array_agg(t.was) FILTER (WHERE t.was IS NOT NULL AND NOT t.clash) OVER (PARTITION BY t.mac))[1] END) AS known,
           COALESCE(t.mac, host(t.addr)) AS handle
      FROM t),
  made AS MATERIALIZED (
    SELECT handle, gen_random_uuid() AS asset_id FROM (SELECT DISTINCT handle FROM w WHERE known IS NULL) q),
  r AS MATERIALIZED (
    SELECT w.addr, w.mac, COALESCE(w.known, made.asset_id) AS holder FROM w LEFT JOIN made USING (handle)),
  a AS (
    INSERT INTO inv.asset(asset_id, zone_id, made_at) SELECT asset_id, p_zone, p_at FROM made),
  k AS (
    INSERT INTO inv.asset_key(zone_id, kind, key, asset_id, since)
    SELECT DISTINCT ON (mac) p_zone, 1, mac, holder, p_at FROM r WHERE mac IS NOT NULL ON CONFLICT DO NOTHING)
  SELECT r.addr, r.holder FROM r $$;

-- ------------------------------------------------------------------ what is due

-- What api.identify() writes itself is a conclusion, no evidence: it makes nothing due.
-- (A holder is a conclusion, no evidence.)
CREATE FUNCTION inv.identity_wanted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
BEGIN
  INSERT INTO identity_due(zone_id, addr, at)
  SELECT f.zone_id, f.addr, max(f.at) FROM fresh f
   WHERE f.attr_id IN (1, 2, 3)
      OR f.attr_id IN (SELECT a.attr_id FROM attr a JOIN key_path p ON p.script = a.name WHERE a.kind = 'script')
   GROUP BY 1, 2;
  RETURN NULL;
END $$;
CREATE TRIGGER identity_wanted AFTER INSERT ON inv.change REFERENCING NEW TABLE AS fresh
  FOR EACH STATEMENT EXECUTE FUNCTION inv.identity_wanted();
CREATE FUNCTION inv.identity_heard() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
BEGIN
  INSERT INTO identity_due(zone_id, addr, at)
  SELECT f.zone_id, f.addr, max(f.last_at) FROM fresh f JOIN key_heard h ON h.heard = f.kind GROUP BY 1, 2;
  RETURN NULL;
END $$;
CREATE TRIGGER identity_heard AFTER INSERT ON inv.evidence REFERENCING NEW TABLE AS fresh
  FOR EACH STATEMENT EXECUTE FUNCTION inv.identity_heard();

-- ------------------------------------------------------------------ evidence of an address

-- What a key looks like: one spelling, of bounded length; NULL: says nothing.
CREATE FUNCTION inv.key_text(p_kind int2, p text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN p IS NULL OR btrim(p) = '' THEN NULL
    WHEN p_kind IN (7, 8) THEN CASE WHEN lower(btrim(p, ' .')) ~ '^(localhost|unknown|none|<.*>|\(none\)|workgroup)' THEN NULL
                                    ELSE left(lower(btrim(p, ' .')), 255) END
    WHEN length(p) > 200 THEN encode(sha256(convert_to(p, 'UTF8')), 'hex')
    ELSE btrim(p) END $$;

-- The keys that these addresses show now.  A key of kind 0 is a MAC address that is virtual.
CREATE FUNCTION inv.keys_shown(p_zone int4, p_addr inet[]) RETURNS TABLE (addr inet, kind int2, key text)
LANGUAGE sql STABLE AS $$
  SELECT DISTINCT q.addr, q.kind, inv.key_text(q.kind, q.key) FROM (
    SELECT f.addr, CASE inv.mac_kind(t.body::macaddr) WHEN 'x' THEN 0 WHEN 'r' THEN 2 ELSE 1 END::int2 AS kind, t.body AS key
      FROM inv.fact_now f JOIN inv.value_text t USING (value)
     WHERE f.zone_id = p_zone AND f.addr = ANY(p_addr) AND f.slot = 0 AND f.attr_id = 2
       AND inv.mac_kind(CASE WHEN t.body ~ '^[0-9a-f]{2}(:[0-9a-f]{2}){5}$' THEN t.body::macaddr END) IS NOT NULL
    UNION ALL
    SELECT f.addr, 8::int2, t.body FROM inv.fact_now f JOIN inv.value_text t USING (value)
     WHERE f.zone_id = p_zone AND f.addr = ANY(p_addr) AND f.slot = 0 AND f.attr_id = 3
    UNION ALL
    SELECT f.addr, p.kind, x #>> '{}'
      FROM inv.key_path p JOIN inv.attr a ON a.kind = 'script' AND a.name = p.script
      JOIN inv.fact_now f ON f.zone_id = p_zone AND f.addr = ANY(p_addr) AND f.attr_id = a.attr_id
      JOIN inv.value_script v ON v.value = f.value
      CROSS JOIN LATERAL jsonb_path_query(v.data, p.path, '{}', true) x
     WHERE jsonb_typeof(x) IN ('string', 'number')
       -- different host keys behind ports of one address: it passes connections on to several machines
       AND (p.kind <> 4 OR NOT EXISTS (SELECT FROM inv.fact_now o WHERE o.zone_id = p_zone AND o.addr = f.addr AND o.attr_id = f.attr_id AND o.value <> f.value))
       AND (p.kind <> 1 OR inv.mac_kind(CASE WHEN x #>> '{}' ~* '^[0-9a-f]{2}(:[0-9a-f]{2}){5}$' THEN (x #>> '{}')::macaddr END) = 'g')
    UNION ALL
    SELECT e.addr, h.kind, e.key FROM inv.evidence e JOIN inv.key_heard h ON h.heard = e.kind
     WHERE e.zone_id = p_zone AND e.addr = ANY(p_addr)
       -- what was said before the newest card came belongs to the one before
       AND e.last_at >= COALESCE((SELECT max(m.first_at) FROM inv.evidence m
                                   WHERE m.zone_id = p_zone AND m.addr = e.addr AND m.kind = 'mac'), '-infinity')
       AND NOT EXISTS (SELECT FROM inv.evidence n WHERE n.zone_id = p_zone AND n.kind = e.kind AND n.key = e.key AND n.addr <> e.addr
                          AND n.first_at > e.last_at)) q
   WHERE q.kind = 0 OR inv.key_text(q.kind, q.key) IS NOT NULL $$;

-- Brings inv.addr_key up to date for these addresses, and where keys that were heard have moved away from.
CREATE FUNCTION inv.note_keys(p_zone int4, p_at timestamptz, p_addr inet[]) RETURNS void LANGUAGE sql AS $$
  WITH s AS MATERIALIZED (SELECT * FROM inv.keys_shown(p_zone, p_addr)),
  d AS (DELETE FROM inv.addr_key k WHERE k.zone_id = p_zone AND k.addr = ANY(p_addr)
           AND NOT EXISTS (SELECT FROM s WHERE s.addr = k.addr AND s.kind = k.kind AND s.key = k.key))
  INSERT INTO inv.addr_key(zone_id, addr, kind, key, since) SELECT p_zone, addr, kind, key, p_at FROM s ON CONFLICT DO NOTHING;
  DELETE FROM inv.addr_key k USING inv.evidence n, inv.key_heard h, inv.evidence o
   WHERE n.zone_id = p_zone AND n.addr = ANY(p_addr) AND h.heard = n.kind AND o.zone_id = p_zone AND o.kind = n.kind AND o.key = n.key
     AND o.addr <> n.addr AND n.first_at > o.last_at
     AND k.zone_id = p_zone AND k.addr = o.addr AND k.kind = h.kind AND k.key = inv.key_text(h.kind, o.key) $$;

-- Whether an address answered when it was asked last: what an absent one showed says nothing of copies.
CREATE FUNCTION inv.is_present(p_zone int4, p_addr inet) RETURNS bool LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM inv.fact_now f WHERE f.zone_id = p_zone AND f.addr = p_addr AND f.slot = 0 AND f.attr_id = 1)
     AND NOT EXISTS (SELECT FROM inv.doubt d WHERE d.zone_id = p_zone AND d.addr = p_addr AND d.slot = 0 AND d.attr_id = 1 AND d.misses > 0) $$;

-- Of the keys that these addresses show, those that several devices show at once, and why one thinks so.
--   A MAC address on more than three addresses of a segment answers for others (proxy ARP, NAT); on two or three it does so
--   when they have different host keys or certificates.
--   Another key with several MAC addresses in one segment was copied (a cloned machine), unless one name is behind it all; more than
--   three of them were in any case.  On different segments it is a machine with several cards.
CREATE FUNCTION inv.copied(p_zone int4, p_addr inet[]) RETURNS TABLE (kind int2, key text, reason text) LANGUAGE sql STABLE AS $$
  WITH mine AS MATERIALIZED (
    SELECT DISTINCT k.kind, k.key FROM inv.addr_key k
     WHERE k.zone_id = p_zone AND k.addr = ANY(p_addr) AND k.kind IN (1, 4, 5, 6, 7, 9, 10, 11, 12)
       AND NOT EXISTS (SELECT FROM inv.key_distrust d WHERE d.zone_id = p_zone AND d.kind = k.kind AND d.key = k.key)),
  at AS MATERIALIZED (
    SELECT m.kind, m.key, o.addr, inv.segment(o.addr) AS seg FROM mine m
      JOIN inv.addr_key o ON o.zone_id = p_zone AND o.kind = m.kind AND o.key = m.key
     WHERE inv.is_present(p_zone, o.addr)),
  shared AS MATERIALIZED (
    SELECT a.kind, a.key, a.seg, count(*) AS n, array_agg(a.addr) AS addrs FROM at a GROUP BY 1, 2, 3 HAVING count(*) > 1),
  seen AS (
    SELECT s.kind, s.key, s.seg, s.n,
           count(DISTINCT k.key) FILTER (WHERE k.kind IN (1, 2)) AS macs,
           count(DISTINCT k.key) FILTER (WHERE k.kind = 0) AS virtual,
           count(DISTINCT k.key) FILTER (WHERE k.kind = 8) AS names,
           count(DISTINCT k.addr) FILTER (WHERE k.kind = 4) AS with_ssh, count(DISTINCT k.addr) FILTER (WHERE k.kind = 5) AS with_tls,
           count(DISTINCT g.ssh) AS sshs, count(DISTINCT g.tls) AS tlss
      FROM shared s JOIN inv.addr_key k ON k.zone_id = p_zone AND k.addr = ANY(s.addrs)
      LEFT JOIN LATERAL (
        SELECT string_agg(x.key, ' ' ORDER BY x.key) FILTER (WHERE x.kind = 4) AS ssh,
               string_agg(x.key, ' ' ORDER BY x.key) FILTER (WHERE x.kind = 5) AS tls
          FROM inv.addr_key x WHERE x.zone_id = p_zone AND x.addr = k.addr) g ON true
     GROUP BY 1, 2, 3, 4)
  SELECT DISTINCT ON (q.kind, q.key) q.kind, q.key, q.reason FROM (
    SELECT s.kind, s.key, CASE
      WHEN s.kind = 1 AND s.n > 3 THEN s.n || ' addresses of ' || s.seg || ' answer with it: it speaks for others'
      WHEN s.kind = 1 AND (s.sshs > 1 OR s.tlss > 1) THEN s.n || ' addresses of ' || s.seg || ' answer with it and have different keys'
      WHEN s.kind <> 1 AND s.n - s.virtual > 3 THEN s.n || ' addresses of ' || s.seg || ' show it'
      WHEN s.kind <> 1 AND s.macs > 1 AND s.names <> 1 THEN s.macs || ' MAC addresses of ' || s.seg || ' show it: a copy'
      END AS reason FROM seen s) q
   WHERE q.reason IS NOT NULL ORDER BY q.kind, q.key $$;

-- ------------------------------------------------------------------ writing

-- Gives an address another holder.  news: a device was replaced, and that is told.
CREATE FUNCTION inv.rebind(p_zone int4, p_at timestamptz, p_addr inet[], p_to uuid, p_news bool) RETURNS void LANGUAGE plpgsql AS $$
DECLARE v int8[];
BEGIN
  WITH h AS MATERIALIZED (
    SELECT f.addr, f.value AS was, f.since, GREATEST(p_at, f.since + interval '1 microsecond') AS at FROM inv.fact_now f
     WHERE f.zone_id = p_zone AND f.addr = ANY(p_addr) AND f.slot = 0 AND f.attr_id = 0 AND f.value <> p_to FOR UPDATE),
  f AS (UPDATE inv.fact_now f SET value = p_to, since = h.at FROM h
         WHERE f.zone_id = p_zone AND f.addr = h.addr AND f.slot = 0 AND f.attr_id = 0),
  d AS (DELETE FROM inv.asset_place l USING h WHERE l.asset_id = h.was AND l.zone_id = p_zone AND l.addr = h.addr),
  i AS (INSERT INTO inv.asset_place(asset_id, zone_id, addr) SELECT p_to, p_zone, h.addr FROM h ON CONFLICT DO NOTHING),
  c AS (
    INSERT INTO inv.change(at, old_since, zone_id, slot, attr_id, profile_id, cause, news, addr, old_value, new_value)
    SELECT h.at, h.since, p_zone, 0, 0,
           COALESCE((SELECT c.profile_id FROM inv.change c WHERE c.zone_id = p_zone AND c.addr = h.addr ORDER BY c.at DESC LIMIT 1), 0),
           CASE WHEN p_news THEN 'r' ELSE 'v' END::"char", p_news, h.addr, h.was, p_to FROM h
    RETURNING change_id)
  SELECT array_agg(change_id) INTO v FROM c;
  IF p_news AND v IS NOT NULL THEN PERFORM inv.tell(v); END IF;
END $$;

-- One asset turned out to be another: addresses, keys and annotations move; the row stays and says where to look.
CREATE FUNCTION inv.merge(p_zone int4, p_at timestamptz, p_from uuid, p_into uuid, p_score real, p_why jsonb, p_by text, p_reason text)
RETURNS int8 LANGUAGE plpgsql AS $$
DECLARE v_addr inet[]; v_keys jsonb; v_log int8;
BEGIN
  v_addr := ARRAY(SELECT f.addr FROM inv.asset_place l JOIN inv.fact_now f
                    ON f.zone_id = l.zone_id AND f.addr = l.addr AND f.slot = 0 AND f.attr_id = 0 AND f.value = p_from
                   WHERE l.asset_id = p_from AND l.zone_id = p_zone ORDER BY 1);
  SELECT COALESCE(jsonb_agg(jsonb_build_array(k.kind, k.key) ORDER BY k.kind, k.key), '[]') INTO v_keys
    FROM inv.asset_key k WHERE k.asset_id = p_from AND k.until = 'infinity';
  INSERT INTO inv.identity_log(zone_id, at, what, asset_id, other_id, score, evidence, by_whom, reason)
  VALUES (p_zone, p_at, 'merged', p_from, p_into, p_score,
          p_why || jsonb_build_object('addresses', to_jsonb(v_addr), 'moved', v_keys), p_by, p_reason) RETURNING log_id INTO v_log;
  UPDATE inv.asset_key k SET until = p_at WHERE k.asset_id = p_from AND k.until = 'infinity';
  INSERT INTO inv.asset_key(zone_id, kind, key, asset_id, since)
  SELECT p_zone, (m ->> 0)::int2, m ->> 1, p_into, p_at FROM jsonb_array_elements(v_keys) m
  ON CONFLICT (zone_id, kind, key, asset_id) DO UPDATE SET until = 'infinity';
  PERFORM inv.rebind(p_zone, p_at, v_addr, p_into, false);
  INSERT INTO inv.asset_apart(zone_id, a, b, by_whom, at)
  SELECT p_zone, LEAST(q.o, p_into), GREATEST(q.o, p_into), q.by_whom, q.at
    FROM (SELECT CASE WHEN x.a = p_from THEN x.b ELSE x.a END AS o, x.by_whom, x.at FROM inv.asset_apart x
           WHERE x.zone_id = p_zone AND p_from IN (x.a, x.b)) q WHERE q.o <> p_into
  ON CONFLICT DO NOTHING;
  UPDATE inv.asset SET merged_into = p_into, ended_at = p_at WHERE asset_id = p_from;
  PERFORM inv.annotations_moved(p_from, p_into);
  RETURN v_log;
END $$;

-- An address gets an asset of its own.
CREATE FUNCTION inv.new_asset(p_zone int4, p_at timestamptz) RETURNS uuid LANGUAGE sql AS $$
  INSERT INTO inv.asset(zone_id, made_at) VALUES (p_zone, p_at) RETURNING asset_id $$;

-- A key stops to count.  The present addresses that it alone had put together go apart, but for the first.
CREATE FUNCTION inv.distrust(p_zone int4, p_at timestamptz, p_kind int2, p_key text, p_reason text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE v_owner uuid; v_addr inet; v_new uuid; v_first bool := true;
BEGIN
  INSERT INTO inv.key_distrust(zone_id, kind, key, at, reason) VALUES (p_zone, p_kind, p_key, p_at, p_reason) ON CONFLICT DO NOTHING;
  UPDATE inv.asset_key k SET until = p_at WHERE k.zone_id = p_zone AND k.kind = p_kind AND k.key = p_key AND k.until = 'infinity'
  RETURNING k.asset_id INTO v_owner;
  INSERT INTO inv.identity_log(zone_id, at, what, asset_id, evidence, reason)
  VALUES (p_zone, p_at, 'distrusted', v_owner, jsonb_build_object('kind', (SELECT name FROM inv.key_kind WHERE kind = p_kind), 'key', p_key), p_reason);
  IF v_owner IS NULL THEN RETURN; END IF;
  FOR v_addr IN SELECT k.addr FROM inv.addr_key k JOIN inv.fact_now f
                    ON f.zone_id = k.zone_id AND f.addr = k.addr AND f.slot = 0 AND f.attr_id = 0 AND f.value = v_owner
                 WHERE k.zone_id = p_zone AND k.kind = p_kind AND k.key = p_key AND inv.is_present(p_zone, k.addr) ORDER BY k.addr LOOP
    IF v_first THEN v_first := false; CONTINUE; END IF;
    CONTINUE WHEN EXISTS (
      SELECT FROM inv.addr_key s JOIN inv.key_kind q ON q.kind = s.kind AND q.strong
        JOIN inv.addr_key o ON o.zone_id = s.zone_id AND o.kind = s.kind AND o.key = s.key AND o.addr <> s.addr
        JOIN inv.asset_place l ON l.zone_id = o.zone_id AND l.addr = o.addr AND l.asset_id = v_owner
       WHERE s.zone_id = p_zone AND s.addr = v_addr
         AND NOT EXISTS (SELECT FROM inv.key_distrust d WHERE d.zone_id = p_zone AND d.kind = s.kind AND d.key = s.key));
    v_new := inv.new_asset(p_zone, p_at);
    PERFORM inv.rebind(p_zone, p_at, ARRAY[v_addr], v_new, false);
    INSERT INTO inv.identity_log(zone_id, at, what, addr, asset_id, other_id, evidence, reason)
    VALUES (p_zone, p_at, 'split', v_addr, v_owner, v_new, jsonb_build_object('distrusted', p_key), p_reason);
    INSERT INTO inv.identity_due(zone_id, addr, at) VALUES (p_zone, v_addr, p_at);
  END LOOP;
END $$;

-- ------------------------------------------------------------------ weighing

-- How often addresses of a segment change hands, in changes per address and day: the bonus of whoever holds one, 0 to 4.5.
CREATE FUNCTION inv.incumbency(p_zone int4, p_addr inet, p_at timestamptz) RETURNS real LANGUAGE sql STABLE AS $$
  WITH b AS (SELECT set_masklen(network(inv.segment(p_addr))::inet, masklen(network(p_addr))) AS lo,
                    set_masklen(broadcast(inv.segment(p_addr))::inet, masklen(network(p_addr))) AS hi),
  c AS (SELECT count(*) AS n FROM inv.change c, b WHERE c.zone_id = p_zone AND c.addr BETWEEN b.lo AND b.hi AND c.attr_id = 0
           AND c.cause = 'r' AND c.at > p_at - interval '30 days'),
  f AS (SELECT count(*) AS n, LEAST(30, GREATEST(1, EXTRACT(epoch FROM p_at - min(f.since)) / 86400)) AS days FROM inv.fact_now f, b
         WHERE f.zone_id = p_zone AND f.addr BETWEEN b.lo AND b.hi AND f.attr_id = 1)
  SELECT GREATEST(0, 4.5 - 18 * (c.n + 1) / (f.n * f.days + 20))::real FROM c, f $$;

-- Whether the asset had the address until its present holder came.
CREATE FUNCTION inv.held_before(p_zone int4, p_addr inet, p_asset uuid) RETURNS bool LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM inv.fact_now f JOIN inv.change c ON c.zone_id = f.zone_id AND c.addr = f.addr AND c.attr_id = 0 AND c.slot = 0
                    AND c.at = f.since AND c.new_value = f.value AND c.old_value = p_asset
                  WHERE f.zone_id = p_zone AND f.addr = p_addr AND f.slot = 0 AND f.attr_id = 0) $$;

-- Every asset that may be at these addresses: who holds them, and whose keys they show.  agree and clash: sums of weights, each kind once.
CREATE FUNCTION inv.candidates(p_zone int4, p_addr inet[])
RETURNS TABLE (addr inet, asset_id uuid, holds bool, agree real, clash real, strong bool, agreed int2[], clashed int2[]) LANGUAGE sql STABLE AS $$
  WITH k AS MATERIALIZED (
    SELECT k.addr, k.kind, k.key FROM inv.addr_key k WHERE k.zone_id = p_zone AND k.addr = ANY(p_addr) AND k.kind > 0
       AND NOT EXISTS (SELECT FROM inv.key_distrust d WHERE d.zone_id = p_zone AND d.kind = k.kind AND d.key = k.key)),
  hold AS MATERIALIZED (
    SELECT f.addr, f.value AS asset_id FROM inv.fact_now f WHERE f.zone_id = p_zone AND f.addr = ANY(p_addr) AND f.slot = 0 AND f.attr_id = 0),
  who AS MATERIALIZED (
    SELECT h.addr, h.asset_id, true AS holds FROM hold h
    UNION
    SELECT k.addr, o.asset_id, false FROM k JOIN inv.asset_key o ON o.zone_id = p_zone AND o.kind = k.kind AND o.key = k.key AND o.until = 'infinity'
     WHERE NOT EXISTS (SELECT FROM hold h WHERE h.addr = k.addr AND h.asset_id = o.asset_id)),
  own AS MATERIALIZED (
    SELECT w.addr, w.asset_id, o.kind, bool_or(EXISTS (SELECT FROM k WHERE k.addr = w.addr AND k.kind = o.kind AND k.key = o.key)) AS same
      FROM who w JOIN inv.asset_key o ON o.asset_id = w.asset_id AND o.until = 'infinity' AND o.zone_id = p_zone
     WHERE EXISTS (SELECT FROM k WHERE k.addr = w.addr AND k.kind = o.kind) GROUP BY 1, 2, 3),
  w AS (
    SELECT w.addr, w.asset_id, w.holds, o.kind, o.same, q.agree, q.strong,
           CASE WHEN o.same OR q.kind IS NULL THEN 0
                -- a card on another segment is a second card, no contradiction
                WHEN o.kind = 1 AND NOT w.holds AND NOT EXISTS (SELECT FROM inv.asset_place l WHERE l.asset_id = w.asset_id AND l.zone_id = p_zone
                       AND inv.segment(l.addr) = inv.segment(w.addr)) THEN 0
                -- nor is one that takes over its address while the old one is seen no more: that is new hardware
                WHEN o.kind = 1 AND NOT w.holds AND inv.held_before(p_zone, w.addr, w.asset_id)
                     AND NOT EXISTS (SELECT FROM inv.asset_place l WHERE l.asset_id = w.asset_id AND l.zone_id = p_zone
                       AND inv.segment(l.addr) = inv.segment(w.addr) AND inv.is_present(p_zone, l.addr)) THEN 0
                ELSE q.clash END AS clash
      FROM who w LEFT JOIN own o ON o.addr = w.addr AND o.asset_id = w.asset_id LEFT JOIN inv.key_kind q ON q.kind = o.kind)
  SELECT w.addr, w.asset_id, w.holds, COALESCE(sum(w.agree) FILTER (WHERE w.same), 0)::real, sum(w.clash)::real,
         COALESCE(bool_or(w.strong) FILTER (WHERE w.same), false),
         COALESCE(array_agg(w.kind) FILTER (WHERE w.same), '{}'), COALESCE(array_agg(w.kind) FILTER (WHERE w.clash > 0), '{}')
    FROM w GROUP BY 1, 2, 3 $$;

-- Whether two assets may be one: no person said no, and of what a machine has one of, they have not one each; unless one address shows both.
CREATE FUNCTION inv.compatible(p_zone int4, p_a uuid, p_b uuid) RETURNS bool LANGUAGE sql STABLE AS $$
  SELECT NOT EXISTS (SELECT FROM inv.asset_apart x WHERE x.zone_id = p_zone AND x.a = LEAST(p_a, p_b) AND x.b = GREATEST(p_a, p_b))
     AND NOT EXISTS (
       SELECT FROM (SELECT x.kind FROM inv.asset_key x WHERE x.asset_id IN (p_a, p_b) AND x.until = 'infinity' AND x.kind IN (3, 4, 6, 10)
                     GROUP BY x.kind HAVING count(DISTINCT x.asset_id) = 2) q
        WHERE NOT EXISTS (SELECT FROM inv.asset_key x JOIN inv.addr_key s ON s.zone_id = p_zone AND s.kind = x.kind AND s.key = x.key
                           WHERE x.kind = q.kind AND x.asset_id IN (p_a, p_b) AND x.until = 'infinity'
                           GROUP BY s.addr HAVING count(DISTINCT x.asset_id) = 2)) $$;

-- The asset takes the keys that its address shows.  A key that it did not have: from whoever had it, unless that one shows it still.
CREATE FUNCTION inv.own_keys(p_zone int4, p_at timestamptz, p_addr inet, p_asset uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  -- what a machine has one of retires when it shows another; not while another address of it still shows it
  UPDATE inv.asset_key o SET until = p_at
    FROM inv.key_kind q
   WHERE o.asset_id = p_asset AND o.zone_id = p_zone AND o.until = 'infinity' AND q.kind = o.kind AND NOT q.many
     AND EXISTS (SELECT FROM inv.addr_key k WHERE k.zone_id = p_zone AND k.addr = p_addr AND k.kind = o.kind)
     AND NOT EXISTS (SELECT FROM inv.addr_key k JOIN inv.asset_place l ON l.zone_id = k.zone_id AND l.addr = k.addr AND l.asset_id = p_asset
                      WHERE k.zone_id = p_zone AND k.kind = o.kind AND k.key = o.key);
  UPDATE inv.asset_key o SET until = p_at
    FROM inv.addr_key k
   WHERE k.zone_id = p_zone AND k.addr = p_addr AND k.kind > 0 AND o.zone_id = p_zone AND o.kind = k.kind AND o.key = k.key
     AND o.until = 'infinity' AND o.asset_id <> p_asset
     AND NOT EXISTS (SELECT FROM inv.addr_key s JOIN inv.asset_place l ON l.zone_id = s.zone_id AND l.addr = s.addr AND l.asset_id = o.asset_id
                      WHERE s.zone_id = p_zone AND s.kind = o.kind AND s.key = o.key AND inv.is_present(p_zone, s.addr));
  INSERT INTO inv.asset_key(zone_id, kind, key, asset_id, since)
  SELECT p_zone, k.kind, k.key, p_asset, p_at FROM inv.addr_key k
   WHERE k.zone_id = p_zone AND k.addr = p_addr AND k.kind > 0
     AND NOT EXISTS (SELECT FROM inv.key_distrust d WHERE d.zone_id = p_zone AND d.kind = k.kind AND d.key = k.key)
     AND NOT EXISTS (SELECT FROM inv.asset_key o WHERE o.zone_id = p_zone AND o.kind = k.kind AND o.key = k.key AND o.until = 'infinity')
  ON CONFLICT (zone_id, kind, key, asset_id) DO UPDATE SET until = 'infinity', since = excluded.since;
END $$;

-- Kinds by name, for explanations.
CREATE FUNCTION inv.kind_names(p int2[]) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT COALESCE(jsonb_agg(q.name ORDER BY q.kind), '[]') FROM inv.key_kind q WHERE q.kind = ANY(p) $$;

-- Whether an asset was made for this address within a day, is nothing else, and never showed what the address does not show: it may turn
-- out to be somebody known.
CREATE FUNCTION inv.newcomer(p_zone int4, p_asset uuid, p_addr inet, p_at timestamptz) RETURNS bool LANGUAGE sql STABLE AS $$
  SELECT a.made_at > p_at - interval '1 day' AND a.grade <> 'v'
     AND NOT EXISTS (SELECT FROM inv.asset_place l WHERE l.asset_id = p_asset AND l.addr <> p_addr)
     AND NOT EXISTS (SELECT FROM inv.asset_key k WHERE k.asset_id = p_asset AND k.kind NOT IN (2, 8)
                        AND NOT EXISTS (SELECT FROM inv.addr_key s WHERE s.zone_id = p_zone AND s.addr = p_addr AND s.kind = k.kind AND s.key = k.key))
     AND NOT EXISTS (SELECT FROM inv.identity_log g WHERE g.other_id = p_asset AND g.what = 'split' AND g.undone_at IS NULL)
    FROM inv.asset a WHERE a.asset_id = p_asset AND a.zone_id = p_zone $$;

CREATE TYPE inv.candidate AS (asset_id uuid, holds bool, score real, strong bool, agreed int2[], clashed int2[]);
-- The candidates of one address, best first; without those that a person keeps apart from who holds it.
CREATE FUNCTION inv.ranked(p_zone int4, p_at timestamptz, p_addr inet) RETURNS inv.candidate[] LANGUAGE sql STABLE AS $$
  WITH c AS MATERIALIZED (SELECT * FROM inv.candidates(p_zone, ARRAY[p_addr]))
  SELECT array_agg(ROW(q.asset_id, q.holds, q.score, q.strong, q.agreed, q.clashed)::inv.candidate ORDER BY q.score DESC, q.holds DESC, q.made_at, q.asset_id)
    FROM (SELECT c.*, c.agree - c.clash + CASE WHEN c.holds THEN inv.incumbency(p_zone, p_addr, p_at) ELSE 0 END AS score, a.made_at
            FROM c JOIN inv.asset a USING (asset_id)
           WHERE a.ended_at IS NULL AND a.grade <> 'v'
             AND NOT EXISTS (SELECT FROM c h JOIN inv.asset_apart x ON x.zone_id = p_zone
                                AND x.a = LEAST(h.asset_id, c.asset_id) AND x.b = GREATEST(h.asset_id, c.asset_id) WHERE h.holds)) q $$;

-- Which of two assets stays when they are one: what people know, else what was there first.
-- (PL/pgSQL: the tables of what people say come later.)
CREATE FUNCTION inv.elder(p_a uuid, p_b uuid) RETURNS uuid LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT a.asset_id FROM inv.asset a WHERE a.asset_id IN (p_a, p_b)
           ORDER BY a.label IS NOT NULL OR a.note IS NOT NULL
                    OR EXISTS (SELECT FROM inv.annotation n WHERE n.zone_id = a.zone_id AND n.asset_id = a.asset_id) DESC,
                    a.made_at, a.asset_id LIMIT 1);
END $$;

-- Whether the address shows a key that names devices.
CREATE FUNCTION inv.shows_strong(p_zone int4, p_addr inet) RETURNS bool LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM inv.addr_key k JOIN inv.key_kind q USING (kind) WHERE k.zone_id = p_zone AND k.addr = p_addr AND q.strong
                    AND NOT EXISTS (SELECT FROM inv.key_distrust d WHERE d.zone_id = p_zone AND d.kind = k.kind AND d.key = k.key)) $$;

-- Decides one address: who scores 6 binds it; who holds it stays with less, as long as little speaks against that; else it is somebody
-- new.  Two that both score 6, by a key that names devices, are one.
CREATE FUNCTION inv.decide(p_zone int4, p_at timestamptz, p_addr inet) RETURNS void LANGUAGE plpgsql AS $$
DECLARE c inv.candidate[] := inv.ranked(p_zone, p_at, p_addr); hold inv.candidate; best inv.candidate := c[1]; other inv.candidate := c[2];
  x inv.candidate; v_got uuid; v_end uuid; v_why jsonb;
BEGIN
  IF c IS NULL THEN RETURN; END IF;                           -- a virtual address, or no visit has found it yet
  FOREACH x IN ARRAY c LOOP
    IF x.holds THEN hold := x; END IF;
  END LOOP;
  IF hold.asset_id IS NULL THEN RETURN; END IF;
  v_why := jsonb_build_object('agreed', inv.kind_names(best.agreed), 'clashed', inv.kind_names(hold.clashed));
  IF best.score >= 6 OR (best.holds AND best.score >= CASE WHEN inv.shows_strong(p_zone, p_addr) THEN 2 ELSE 0.5 END) THEN
    v_got := best.asset_id;
  END IF;
  IF best.score >= 6 AND other.score >= 6 AND other.strong AND inv.compatible(p_zone, best.asset_id, other.asset_id) THEN
    v_got := inv.elder(best.asset_id, other.asset_id);
    v_end := CASE v_got WHEN best.asset_id THEN other.asset_id ELSE best.asset_id END;
    PERFORM inv.merge(p_zone, p_at, v_end, v_got, other.score, jsonb_build_object('agreed', inv.kind_names(other.agreed),
                      'also', inv.kind_names(best.agreed)), 'muster', 'both fit ' || host(p_addr));
    IF hold.asset_id = v_end THEN hold.asset_id := v_got; END IF;
    best.asset_id := v_got;
  END IF;
  IF v_got IS NULL THEN
    v_got := CASE WHEN cardinality(hold.clashed) = 0 THEN hold.asset_id ELSE inv.new_asset(p_zone, p_at) END;
  END IF;
  IF v_got <> hold.asset_id THEN
    IF v_got = best.asset_id AND inv.newcomer(p_zone, hold.asset_id, p_addr, p_at) AND inv.compatible(p_zone, v_got, hold.asset_id) THEN
      PERFORM inv.merge(p_zone, p_at, hold.asset_id, v_got, best.score, v_why, 'muster', 'known already');
    ELSIF inv.contested(p_zone, p_addr, v_got, p_at) THEN
      RETURN;
    ELSE
      INSERT INTO inv.identity_log(zone_id, at, what, addr, asset_id, other_id, score, evidence)
      VALUES (p_zone, p_at, CASE WHEN best.asset_id = v_got THEN 'moved' ELSE 'replaced' END, p_addr, hold.asset_id, v_got, best.score, v_why);
      PERFORM inv.rebind(p_zone, p_at, ARRAY[p_addr], v_got, inv.is_present(p_zone, p_addr));
    END IF;
  END IF;
  PERFORM inv.own_keys(p_zone, p_at, p_addr, v_got);
END $$;

-- Addresses that answer with the MAC address of a redundant gateway are assets of their own (grade v), whoever is behind them now.
CREATE FUNCTION inv.virtual(p_zone int4, p_at timestamptz, p_addr inet[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE r record; v_new uuid;
BEGIN
  -- one that shows a card of its own is none any more
  UPDATE inv.asset a SET grade = 'p' FROM inv.fact_now f
   WHERE f.zone_id = p_zone AND f.addr = ANY(p_addr) AND f.slot = 0 AND f.attr_id = 0 AND a.asset_id = f.value AND a.grade = 'v'
     AND EXISTS (SELECT FROM inv.addr_key k WHERE k.zone_id = p_zone AND k.addr = f.addr AND k.kind IN (1, 2))
     AND NOT EXISTS (SELECT FROM inv.addr_key k WHERE k.zone_id = p_zone AND k.addr = f.addr AND k.kind = 0);
  FOR r IN SELECT f.addr, f.value, k.key FROM inv.addr_key k JOIN inv.fact_now f ON f.zone_id = k.zone_id AND f.addr = k.addr AND f.slot = 0 AND f.attr_id = 0
             JOIN inv.asset a ON a.asset_id = f.value
            WHERE k.zone_id = p_zone AND k.addr = ANY(p_addr) AND k.kind = 0 AND a.grade <> 'v' LOOP
    IF NOT EXISTS (SELECT FROM inv.asset_place l WHERE l.asset_id = r.value AND l.addr <> r.addr)
       AND NOT EXISTS (SELECT FROM inv.asset_key o WHERE o.asset_id = r.value) THEN
      UPDATE inv.asset SET grade = 'v' WHERE asset_id = r.value;
      CONTINUE;
    END IF;
    INSERT INTO inv.asset(zone_id, made_at, grade) VALUES (p_zone, p_at, 'v') RETURNING asset_id INTO v_new;
    PERFORM inv.rebind(p_zone, p_at, ARRAY[r.addr], v_new, false);
    INSERT INTO inv.identity_log(zone_id, at, what, addr, asset_id, other_id, evidence, reason)
    VALUES (p_zone, p_at, 'split', r.addr, r.value, v_new, jsonb_build_object('mac', r.key), 'the address of a redundant gateway');
  END LOOP;
END $$;

-- Weighs what is due between two addresses; how many there were.  One at a time in a zone.
CREATE FUNCTION inv.identify(p_zone int4, p_lo inet, p_hi inet) RETURNS int4 LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE v_addr inet[]; v_plain inet[]; v_at timestamptz; r record; n int4 := 0;
BEGIN
  PERFORM pg_advisory_xact_lock(731086873, p_zone);
  FOR round IN 1 .. 3 LOOP                                    -- what goes apart is weighed again
    WITH d AS (DELETE FROM inv.identity_due q WHERE q.zone_id = p_zone AND q.addr BETWEEN p_lo AND p_hi RETURNING q.addr, q.at)
    SELECT array_agg(DISTINCT d.addr), max(d.at) INTO v_addr, v_at FROM d;
    EXIT WHEN v_addr IS NULL;
    n := n + cardinality(v_addr);
    PERFORM inv.note_keys(p_zone, v_at, v_addr);
    FOR r IN SELECT * FROM inv.copied(p_zone, v_addr) LOOP
      PERFORM inv.distrust(p_zone, v_at, r.kind, r.key, r.reason);
    END LOOP;
    PERFORM inv.virtual(p_zone, v_at, v_addr);
    -- most have one candidate, keys that nobody else shows, and nothing against them
    v_plain := ARRAY(
      SELECT c.addr FROM inv.candidates(p_zone, v_addr) c JOIN inv.asset a USING (asset_id)
       GROUP BY c.addr HAVING count(*) = 1 AND sum(c.clash) = 0 AND bool_and(c.holds AND a.grade <> 'v')
          AND NOT EXISTS (SELECT FROM inv.addr_key k JOIN inv.addr_key o ON o.zone_id = k.zone_id AND o.kind = k.kind AND o.key = k.key AND o.addr <> k.addr
                           WHERE k.zone_id = p_zone AND k.addr = c.addr AND k.kind <> 8));
    INSERT INTO inv.asset_key(zone_id, kind, key, asset_id, since)
    SELECT p_zone, k.kind, k.key, f.value, v_at
      FROM inv.addr_key k JOIN inv.fact_now f ON f.zone_id = k.zone_id AND f.addr = k.addr AND f.slot = 0 AND f.attr_id = 0
     WHERE k.zone_id = p_zone AND k.addr = ANY(v_plain) AND k.kind > 0
       AND NOT EXISTS (SELECT FROM inv.key_distrust d WHERE d.zone_id = p_zone AND d.kind = k.kind AND d.key = k.key)
       AND NOT EXISTS (SELECT FROM inv.asset_key o WHERE o.zone_id = p_zone AND o.kind = k.kind AND o.key = k.key AND o.until = 'infinity')
    ON CONFLICT DO NOTHING;
    FOR r IN SELECT c.addr, max(c.agree - c.clash) AS s FROM inv.candidates(p_zone, ARRAY(SELECT a FROM unnest(v_addr) a WHERE NOT a = ANY(v_plain))) c
              GROUP BY 1 ORDER BY 2 DESC, 1 LOOP
      PERFORM inv.decide(p_zone, v_at, r.addr);
    END LOOP;
    UPDATE inv.asset a SET grade = 'f' FROM inv.fact_now f
     WHERE f.zone_id = p_zone AND f.addr = ANY(v_addr) AND f.slot = 0 AND f.attr_id = 0 AND a.asset_id = f.value AND a.grade = 'p'
       AND EXISTS (SELECT FROM inv.asset_key k JOIN inv.key_kind q USING (kind) WHERE k.asset_id = a.asset_id AND k.until = 'infinity' AND q.strong);
  END LOOP;
  RETURN n;
END $$;

-- When a visit ends, its block is weighed.  A failure here must not cost the visit: what is due stays due, and the log says why.
CREATE FUNCTION inv.identify_block() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
DECLARE b block%ROWTYPE;
BEGIN
  SELECT * INTO b FROM block q WHERE q.block_id = NEW.block_id;
  IF FOUND AND EXISTS (SELECT FROM identity_due d WHERE d.zone_id = b.zone_id AND d.addr BETWEEN b.lo AND b.hi) THEN
    BEGIN
      PERFORM identify(b.zone_id, b.lo, b.hi);
    EXCEPTION WHEN OTHERS THEN
      RAISE WARNING 'identities in % - % wait for the next visit: % (%)', host(b.lo), host(b.hi), SQLERRM, SQLSTATE;
    END;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER identify_block AFTER INSERT ON inv.coverage FOR EACH ROW EXECUTE FUNCTION inv.identify_block();

-- ------------------------------------------------------------------ by hand

-- The asset that an id stands for now: the one it was merged into, if it was.  NULL: there is none.
CREATE FUNCTION inv.asset_now(p_asset uuid) RETURNS uuid LANGUAGE sql STABLE AS $$
  WITH RECURSIVE r AS (
    SELECT a.asset_id, a.merged_into FROM inv.asset a WHERE a.asset_id = p_asset
    UNION SELECT a.asset_id, a.merged_into FROM r JOIN inv.asset a ON a.asset_id = r.merged_into)
  SELECT r.asset_id FROM r WHERE r.merged_into IS NULL $$;

CREATE FUNCTION inv.living(p_asset uuid) RETURNS inv.asset LANGUAGE plpgsql AS $$
DECLARE a inv.asset;
BEGIN
  SELECT * INTO a FROM inv.asset WHERE asset_id = p_asset;
  IF NOT FOUND THEN RAISE EXCEPTION 'there is no asset %', p_asset USING ERRCODE = 'M0001'; END IF;
  IF a.ended_at IS NOT NULL THEN
    RAISE EXCEPTION 'asset % was merged into %', p_asset, inv.asset_now(p_asset) USING ERRCODE = 'M0001';
  END IF;
  PERFORM pg_advisory_xact_lock(731086873, a.zone_id);
  RETURN a;
END $$;

-- A person says that two assets are one: p_from ends, p_into has all.  The number of the log row, for api.undo_identity.
CREATE FUNCTION api.merge_assets(p_from uuid, p_into uuid, p_by text, p_reason text) RETURNS int8
LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
DECLARE f inv.asset := inv.living(p_from); i inv.asset := inv.living(p_into);
BEGIN
  IF p_from = p_into THEN RAISE EXCEPTION 'an asset can not be merged with itself' USING ERRCODE = 'M0001'; END IF;
  IF f.zone_id <> i.zone_id THEN RAISE EXCEPTION 'the assets are in different zones' USING ERRCODE = 'M0001'; END IF;
  DELETE FROM asset_apart x WHERE x.zone_id = f.zone_id AND x.a = LEAST(p_from, p_into) AND x.b = GREATEST(p_from, p_into);
  RETURN merge(f.zone_id, now(), p_from, p_into, NULL, '{}', p_by, p_reason);
END $$;

-- Takes addresses off an asset and gives them to another, with the keys that are seen at them alone.
CREATE FUNCTION inv.part_from(p_zone int4, p_at timestamptz, p_asset uuid, p_addr inet[], p_to uuid, p_by text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM inv.rebind(p_zone, p_at, p_addr, p_to, false);
  UPDATE inv.asset_key o SET until = p_at
   WHERE o.asset_id = p_asset AND o.until = 'infinity'
     AND EXISTS (SELECT FROM inv.addr_key k WHERE k.zone_id = p_zone AND k.addr = ANY(p_addr) AND k.kind = o.kind AND k.key = o.key)
     AND NOT EXISTS (SELECT FROM inv.addr_key k JOIN inv.asset_place l ON l.zone_id = k.zone_id AND l.addr = k.addr
                      WHERE l.asset_id = p_asset AND k.zone_id = p_zone AND k.kind = o.kind AND k.key = o.key);
  INSERT INTO inv.asset_key(zone_id, kind, key, asset_id, since)
  SELECT DISTINCT p_zone, k.kind, k.key, p_to, p_at FROM inv.addr_key k
   WHERE k.zone_id = p_zone AND k.addr = ANY(p_addr) AND k.kind > 0
     AND NOT EXISTS (SELECT FROM inv.asset_key o WHERE o.zone_id = p_zone AND o.kind = k.kind AND o.key = k.key AND o.until = 'infinity')
  ON CONFLICT (zone_id, kind, key, asset_id) DO UPDATE SET until = 'infinity', since = excluded.since;
  INSERT INTO inv.asset_apart(zone_id, a, b, by_whom) VALUES (p_zone, LEAST(p_asset, p_to), GREATEST(p_asset, p_to), p_by) ON CONFLICT DO NOTHING;
END $$;

-- A person says that these addresses of an asset are another device.  The number of the log row.  Annotations stay where they are.
CREATE FUNCTION api.split_asset(p_asset uuid, p_addr inet[], p_by text, p_reason text) RETURNS int8
LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
DECLARE a inv.asset := inv.living(p_asset); v_addr inet; v_new uuid; v_log int8;
BEGIN
  SELECT q INTO v_addr FROM unnest(p_addr) q WHERE NOT EXISTS (SELECT FROM asset_place l WHERE l.asset_id = p_asset AND l.addr = q) LIMIT 1;
  IF FOUND THEN RAISE EXCEPTION '% is no address of asset %', host(v_addr), p_asset USING ERRCODE = 'M0001'; END IF;
  IF NOT EXISTS (SELECT FROM asset_place l WHERE l.asset_id = p_asset AND NOT l.addr = ANY(p_addr)) THEN
    RAISE EXCEPTION 'asset % has no other address: nothing would be left of it', p_asset USING ERRCODE = 'M0001';
  END IF;
  v_new := new_asset(a.zone_id, now());
  INSERT INTO identity_log(zone_id, at, what, addr, asset_id, other_id, evidence, by_whom, reason)
  VALUES (a.zone_id, now(), 'split', p_addr[1], p_asset, v_new, jsonb_build_object('addresses', to_jsonb(p_addr)), p_by, p_reason)
  RETURNING log_id INTO v_log;
  PERFORM part_from(a.zone_id, now(), p_asset, p_addr, v_new, p_by);
  RETURN v_log;
END $$;

-- Undoes what the log row says, and keeps it undone: assets that had been merged stay apart, an address that had moved is merged back.
CREATE FUNCTION api.undo_identity(p_log int8, p_by text, p_reason text) RETURNS int8
LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
DECLARE l identity_log%ROWTYPE; v_addr inet[]; v_log int8;
BEGIN
  SELECT * INTO l FROM identity_log q WHERE q.log_id = p_log FOR UPDATE;
  IF NOT FOUND THEN RAISE EXCEPTION 'there is no decision %', p_log USING ERRCODE = 'M0001'; END IF;
  IF l.undone_at IS NOT NULL THEN RAISE EXCEPTION 'decision % was undone at %', p_log, l.undone_at USING ERRCODE = 'M0001'; END IF;
  IF l.what NOT IN ('merged', 'split', 'moved', 'replaced') OR l.other_id IS NULL THEN
    RAISE EXCEPTION 'decision % (%) can not be undone', p_log, l.what USING ERRCODE = 'M0001';
  END IF;
  PERFORM living(l.other_id);
  INSERT INTO identity_log(zone_id, at, what, addr, asset_id, other_id, evidence, by_whom, reason)
  VALUES (l.zone_id, now(), 'undone', l.addr, l.other_id, l.asset_id, jsonb_build_object('decision', p_log), p_by, p_reason) RETURNING log_id INTO v_log;
  UPDATE identity_log q SET undone_at = now() WHERE q.log_id = p_log;
  IF l.what = 'merged' THEN
    UPDATE asset SET merged_into = NULL, ended_at = NULL WHERE asset_id = l.asset_id;
    v_addr := ARRAY(SELECT x::inet FROM jsonb_array_elements_text(l.evidence -> 'addresses') x
                     WHERE EXISTS (SELECT FROM asset_place q WHERE q.asset_id = l.other_id AND q.addr = x::inet));
    -- keys that were its own are its own again
    UPDATE asset_key o SET until = now() FROM jsonb_array_elements(l.evidence -> 'moved') m
     WHERE o.asset_id = l.other_id AND o.until = 'infinity' AND o.kind = (m ->> 0)::int2 AND o.key = m ->> 1;
    UPDATE asset_key o SET until = 'infinity' FROM jsonb_array_elements(l.evidence -> 'moved') m
     WHERE o.asset_id = l.asset_id AND o.kind = (m ->> 0)::int2 AND o.key = m ->> 1
       AND NOT EXISTS (SELECT FROM asset_key x WHERE x.zone_id = o.zone_id AND x.kind = o.kind AND x.key = o.key AND x.until = 'infinity');
    PERFORM part_from(l.zone_id, now(), l.other_id, v_addr, l.asset_id, p_by);
    PERFORM annotations_moved_back(l.asset_id, l.other_id);
    RETURN v_log;
  END IF;
  PERFORM living(l.asset_id);
  DELETE FROM asset_apart x WHERE x.zone_id = l.zone_id AND x.a = LEAST(l.asset_id, l.other_id) AND x.b = GREATEST(l.asset_id, l.other_id);
  PERFORM merge(l.zone_id, now(), l.other_id, l.asset_id, NULL, '{}', p_by, 'undoes ' || p_log);
  RETURN v_log;
END $$;

-- ------------------------------------------------------------------ reports
CREATE VIEW report.asset_key AS
SELECT z.name AS zone, k.asset_id, q.name AS kind, k.key, q.agree::int4 AS weight, k.since, NULLIF(k.until, 'infinity') AS until,
       d.reason AS distrusted,
       ARRAY(SELECT s.addr FROM inv.addr_key s JOIN inv.asset_place l ON l.zone_id = s.zone_id AND l.addr = s.addr AND l.asset_id = k.asset_id
              WHERE s.zone_id = k.zone_id AND s.kind = k.kind AND s.key = k.key ORDER BY 1) AS addresses
  FROM inv.asset_key k JOIN inv.key_kind q USING (kind) JOIN inv.zone z USING (zone_id)
  LEFT JOIN inv.key_distrust d ON d.zone_id = k.zone_id AND d.kind = k.kind AND d.key = k.key;
COMMENT ON VIEW report.asset_key IS 'evidence of who assets are: the keys they have shown';
COMMENT ON COLUMN report.asset_key.zone IS 'routing domain; the same address may be in use in two zones';
COMMENT ON COLUMN report.asset_key.asset_id IS 'the asset (report.asset)';
COMMENT ON COLUMN report.asset_key.kind IS 'mac, random-mac, snmp-engine, ssh-hostkey, tls-key, smb-guid, mdns-name, name, ...';
COMMENT ON COLUMN report.asset_key.key IS 'what was shown';
COMMENT ON COLUMN report.asset_key.weight IS 'what it counts where it is seen again; 6 names a device';
COMMENT ON COLUMN report.asset_key.since IS 'since when it is this asset''s';
COMMENT ON COLUMN report.asset_key.until IS 'until when; NULL: still';
COMMENT ON COLUMN report.asset_key.distrusted IS 'why it counts no more; NULL: it counts';
COMMENT ON COLUMN report.asset_key.addresses IS 'addresses of the asset that show it now';

CREATE VIEW report.identity_log AS
SELECT l.log_id AS decision, l.at, z.name AS zone, l.what, l.addr AS address, l.asset_id, l.other_id AS other_asset_id, l.score,
       ARRAY(SELECT jsonb_array_elements_text(l.evidence -> 'agreed')) AS agreed, ARRAY(SELECT jsonb_array_elements_text(l.evidence -> 'clashed')) AS clashed,
       l.evidence, l.by_whom, l.reason, l.undone_at
  FROM inv.identity_log l JOIN inv.zone z USING (zone_id);
COMMENT ON VIEW report.identity_log IS 'decisions on who is who: merges, splits, addresses that changed hands by evidence, keys that count no more';
COMMENT ON COLUMN report.identity_log.decision IS 'number, for muster asset undo';
COMMENT ON COLUMN report.identity_log.at IS 'when';
COMMENT ON COLUMN report.identity_log.zone IS 'routing domain; the same address may be in use in two zones';
COMMENT ON COLUMN report.identity_log.what IS 'merged, split, moved (to an asset that was known), replaced (by a new one), distrusted, undone';
COMMENT ON COLUMN report.identity_log.address IS 'the address it is about; NULL: all of the asset, or a key';
COMMENT ON COLUMN report.identity_log.asset_id IS 'merged: the asset that ended; else the one that held the address or the key';
COMMENT ON COLUMN report.identity_log.other_asset_id IS 'merged: the asset that stays; else the one that holds the address since';
COMMENT ON COLUMN report.identity_log.score IS 'weight of evidence for it; NULL: by hand, or by rule';
COMMENT ON COLUMN report.identity_log.agreed IS 'kinds of keys that spoke for it';
COMMENT ON COLUMN report.identity_log.clashed IS 'kinds of keys that spoke against who was there';
COMMENT ON COLUMN report.identity_log.evidence IS 'all that was written down, as JSON';
COMMENT ON COLUMN report.identity_log.by_whom IS 'muster, or the person';
COMMENT ON COLUMN report.identity_log.reason IS 'why, in words';
COMMENT ON COLUMN report.identity_log.undone_at IS 'when it was undone; NULL: it stands';
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA inv, api FROM PUBLIC;
SELECT ops.grant_roles();
