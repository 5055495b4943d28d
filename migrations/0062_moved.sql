-- Who is who, mended where a random walk and its plain model disagreed:
--   * a machine that moves and gets another card before anybody looks is known by its host key again, once its old place is silent;
--   * two cards on one segment with one host key and one name are one machine;
--   * what was left open because an address went to and fro is weighed again a day later, not only when its evidence changes;
--   * an address that goes from a card to a random MAC address, or back, or to a random one that is somebody's, has another holder at once;
--   * a key counts as copied only when the MAC addresses that show it were asked for since it was read there;
--   * a host key that was read at an address before another card came there speaks for nobody;
--   * an address where all is plain takes back a key that it had shown before.

-- Addresses that are weighed again by the first visit that begins after a time, whether anything changed there or not: those that went back
-- and forth between two assets, a day after; those that show a key which seems to be copied, when their MAC address was asked for again.
CREATE TABLE inv.identity_later (
  zone_id int4 NOT NULL,
  addr    inet NOT NULL,
  at      timestamptz NOT NULL,
  CONSTRAINT identity_later_pk PRIMARY KEY (zone_id, addr)
);

-- Which kind of key a MAC address is: 1 names a device for good, 2 while it lasts; NULL: names nobody.
CREATE FUNCTION inv.mac_key(p macaddr) RETURNS int2 LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE inv.mac_kind(p) WHEN 'g' THEN 1 WHEN 's' THEN 1 WHEN 'r' THEN 2 END::int2 $$;

-- The hosts without a holder, or whose holder is not the one their MAC address names.  Nothing is written.  clash: the holder has another
-- card.  A random address after another random one is no reason: that is what they are for; after a card of the holder, or of somebody else, it is.
CREATE OR REPLACE FUNCTION inv.strangers(p_zone int4, p_at timestamptz, p_addr inet[], p_mac macaddr[]) RETURNS inv.who[]
LANGUAGE sql STABLE AS $$
  SELECT ARRAY(
    SELECT ROW(q.addr, q.mac, q.was, q.since, q.asset_id, q.clash)::inv.who FROM (
      SELECT h.addr, h.mac, h.was, h.since, h.kind, k.asset_id,
             h.mac IS NOT NULL AND h.was IS NOT NULL AND CASE h.kind
               WHEN 1 THEN EXISTS (SELECT FROM inv.asset_key o WHERE o.asset_id = h.was AND o.kind IN (1, 2) AND o.until = 'infinity' AND o.key <> h.mac)
               ELSE EXISTS (SELECT FROM inv.fact_now f JOIN inv.value_text t USING (value)
                              JOIN inv.asset_key o ON o.zone_id = p_zone AND o.kind = 1 AND o.key = t.body AND o.asset_id = h.was AND o.until = 'infinity'
                             WHERE f.zone_id = p_zone AND f.addr = h.addr AND f.slot = 0 AND f.attr_id = 2) END AS clash
        FROM (SELECT t.addr, f.value AS was, f.since, inv.mac_key(t.mac) AS kind,
                     CASE WHEN inv.mac_key(t.mac) IS NOT NULL AND count(*) OVER (PARTITION BY t.mac) <= 3 THEN t.mac::text END AS mac
                FROM unnest(p_addr, p_mac) t(addr, mac)
                LEFT JOIN inv.fact_now f ON f.zone_id = p_zone AND f.addr = t.addr AND f.slot = 0 AND f.attr_id = 0) h
        LEFT JOIN inv.asset_key k ON k.zone_id = p_zone AND k.kind = h.kind AND k.key = h.mac AND k.until = 'infinity'
       WHERE (h.was IS NULL OR (h.mac IS NOT NULL AND k.asset_id IS DISTINCT FROM h.was)) AND (h.since IS NULL OR h.since < p_at)) q
     WHERE q.was IS NULL
        OR ((q.kind = 1 OR q.asset_id IS NOT NULL OR q.clash)
            AND NOT EXISTS (SELECT FROM inv.key_distrust d WHERE d.zone_id = p_zone AND d.kind = 1 AND d.key = q.mac)
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
    SELECT DISTINCT ON (mac) p_zone, inv.mac_key(mac::macaddr), mac, holder, p_at FROM r WHERE mac IS NOT NULL ON CONFLICT DO NOTHING)
  SELECT r.addr, r.holder FROM r $$;

-- Whether a visit that asked for MAC addresses began at each of these addresses after its time, and had an answer to tell.
CREATE FUNCTION inv.asked_since(p_zone int4, p_addr inet[], p_since timestamptz[]) RETURNS bool LANGUAGE sql STABLE AS $$
  SELECT NOT EXISTS (
    SELECT FROM unnest(p_addr, p_since) t(addr, since) WHERE NOT EXISTS (
      SELECT FROM inv.block b JOIN inv.coverage v ON v.block_id = b.block_id AND v.at >= t.since JOIN inv.profile p ON p.profile_id = v.profile_id
       WHERE b.zone_id = p_zone AND b.lo <= t.addr AND b.hi >= t.addr AND p.kind IN ('presence', 'ports') AND v.from_at > t.since
         AND v.complete AND (v.scope IS NULL OR t.addr = ANY(v.scope)) AND NOT COALESCE(t.addr = ANY(v.blind), false))) $$;

-- Of the keys that these addresses show, those that several devices show at once, and why one thinks so.
--   A MAC address on more than three addresses of a segment answers for others (proxy ARP, NAT); on two or three it does so
--   when they have different host keys or certificates.
--   Another key with several MAC addresses in one segment was copied (a cloned machine), unless one name is behind it all; more than
--   three of them were in any case.  On different segments it is a machine with several cards.
--   sure: each of these addresses was asked for its MAC address since it shows the key.  Until then the key may have moved there, and the
--   MAC address that is held be that of whoever was there before.

-- Decides one address: who scores 6 binds it; who holds it stays with less, as long as little speaks against that; else it is somebody
-- new.  Two that both score 6, by a key that names devices, are one.
CREATE OR REPLACE FUNCTION inv.decide(p_zone int4, p_at timestamptz, p_addr inet) RETURNS void LANGUAGE plpgsql AS $$
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
      INSERT INTO inv.identity_later(zone_id, addr, at) VALUES (p_zone, p_addr, p_at + interval '1 day')
      ON CONFLICT ON CONSTRAINT identity_later_pk DO UPDATE SET at = LEAST(identity_later.at, excluded.at);
      RETURN;
    ELSE
      INSERT INTO inv.identity_log(zone_id, at, what, addr, asset_id, other_id, score, evidence)
      VALUES (p_zone, p_at, CASE WHEN best.asset_id = v_got THEN 'moved' ELSE 'replaced' END, p_addr, hold.asset_id, v_got, best.score, v_why);
      PERFORM inv.rebind(p_zone, p_at, ARRAY[p_addr], v_got, inv.is_present(p_zone, p_addr));
    END IF;
  END IF;
  PERFORM inv.own_keys(p_zone, p_at, p_addr, v_got);
END $$;

-- When a visit ends, its block is weighed.  A failure here must not cost the visit: what is due stays due, and the log says why.
CREATE OR REPLACE FUNCTION inv.identify_block() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
DECLARE b block%ROWTYPE;
BEGIN
  SELECT * INTO b FROM block q WHERE q.block_id = NEW.block_id;
  WITH l AS (DELETE FROM identity_later q WHERE q.zone_id = b.zone_id AND q.addr BETWEEN b.lo AND b.hi AND q.at < NEW.from_at
             RETURNING q.addr)
  INSERT INTO identity_due(zone_id, addr, at) SELECT b.zone_id, l.addr, NEW.from_at FROM l;
  IF b.zone_id IS NOT NULL AND EXISTS (SELECT FROM identity_due d WHERE d.zone_id = b.zone_id AND d.addr BETWEEN b.lo AND b.hi) THEN
    BEGIN
      PERFORM identify(b.zone_id, b.lo, b.hi);
    EXCEPTION WHEN OTHERS THEN
      RAISE WARNING 'identities in % - % wait for the next visit: % (%)', host(b.lo), host(b.hi), SQLERRM, SQLSTATE;
    END;
  END IF;
  RETURN NULL;
END $$;

-- What is known of who is who goes with its zone.
CREATE FUNCTION inv.zone_forgotten() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
BEGIN
  DELETE FROM addr_key WHERE zone_id = OLD.zone_id;
  DELETE FROM key_distrust WHERE zone_id = OLD.zone_id;
  DELETE FROM identity_due WHERE zone_id = OLD.zone_id;
  DELETE FROM identity_later WHERE zone_id = OLD.zone_id;
  DELETE FROM identity_log WHERE zone_id = OLD.zone_id;
  DELETE FROM asset_apart WHERE zone_id = OLD.zone_id;
  DELETE FROM evidence WHERE zone_id = OLD.zone_id;
  DELETE FROM link_evidence WHERE zone_id = OLD.zone_id;
  DELETE FROM heard WHERE zone_id = OLD.zone_id;
  RETURN NULL;
END $$;
CREATE TRIGGER zone_forgotten AFTER DELETE ON inv.zone FOR EACH ROW EXECUTE FUNCTION inv.zone_forgotten();
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA inv FROM PUBLIC;
SELECT ops.grant_roles();
