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

-- The keys that these addresses show now.  A key of kind 0 is a MAC address that is virtual.
CREATE OR REPLACE FUNCTION inv.keys_shown(p_zone int4, p_addr inet[]) RETURNS TABLE (addr inet, kind int2, key text)
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
       -- what was read before another card came belongs to the one before (one that changes its random address is still itself)
       AND NOT EXISTS (SELECT FROM inv.fact_now m JOIN inv.value_text t USING (value)
                        WHERE m.zone_id = p_zone AND m.addr = f.addr AND m.slot = 0 AND m.attr_id = 2 AND m.since > f.since
                          AND inv.mac_identifies(CASE WHEN t.body ~ '^[0-9a-f]{2}(:[0-9a-f]{2}){5}$' THEN t.body::macaddr END)
                          AND EXISTS (SELECT FROM inv.change c WHERE c.zone_id = p_zone AND c.addr = f.addr AND c.at = m.since AND c.slot = 0
                                         AND c.attr_id = 2 AND c.old_value IS NOT NULL))
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
DROP FUNCTION inv.copied(int4, inet[]);
CREATE FUNCTION inv.copied(p_zone int4, p_addr inet[]) RETURNS TABLE (kind int2, key text, sure bool, reason text) LANGUAGE sql STABLE AS $$
  WITH mine AS MATERIALIZED (
    SELECT DISTINCT k.kind, k.key FROM inv.addr_key k
     WHERE k.zone_id = p_zone AND k.addr = ANY(p_addr) AND k.kind IN (1, 4, 5, 6, 7, 9, 10, 11, 12)
       AND NOT EXISTS (SELECT FROM inv.key_distrust d WHERE d.zone_id = p_zone AND d.kind = k.kind AND d.key = k.key)),
  at AS MATERIALIZED (
    SELECT m.kind, m.key, o.addr, o.since, inv.segment(o.addr) AS seg FROM mine m
      JOIN inv.addr_key o ON o.zone_id = p_zone AND o.kind = m.kind AND o.key = m.key
     WHERE inv.is_present(p_zone, o.addr)),
  shared AS MATERIALIZED (
    SELECT a.kind, a.key, a.seg, count(*) AS n, array_agg(a.addr) AS addrs, array_agg(a.since) AS sinces FROM at a GROUP BY 1, 2, 3 HAVING count(*) > 1),
  seen AS (
    SELECT s.kind, s.key, s.seg, s.n, s.addrs, s.sinces,
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
     GROUP BY 1, 2, 3, 4, 5, 6)
  SELECT DISTINCT ON (q.kind, q.key) q.kind, q.key, q.sure, q.reason FROM (
    SELECT s.kind, s.key, inv.asked_since(p_zone, s.addrs, s.sinces) AS sure, CASE
      WHEN s.kind = 1 AND s.n > 3 THEN s.n || ' addresses of ' || s.seg || ' answer with it: it speaks for others'
      WHEN s.kind = 1 AND (s.sshs > 1 OR s.tlss > 1) THEN s.n || ' addresses of ' || s.seg || ' answer with it and have different keys'
      WHEN s.kind <> 1 AND s.n - s.virtual > 3 THEN s.n || ' addresses of ' || s.seg || ' show it'
      WHEN s.kind <> 1 AND s.macs > 1 AND s.names <> 1 THEN s.macs || ' MAC addresses of ' || s.seg || ' show it: a copy'
      END AS reason FROM seen s) q
   WHERE q.reason IS NOT NULL ORDER BY q.kind, q.key, q.sure DESC, q.reason $$;

-- Every asset that may be at these addresses: who holds them, and whose keys they show.  agree and clash: sums of weights, each kind once.
CREATE OR REPLACE FUNCTION inv.candidates(p_zone int4, p_addr inet[])
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
                -- nor is one next to another under one name: a machine with two cards on a segment
                WHEN o.kind = 1 AND NOT w.holds AND EXISTS (
                       SELECT FROM inv.addr_key n JOIN inv.addr_key m ON m.zone_id = n.zone_id AND m.kind = n.kind AND m.key = n.key AND m.addr <> n.addr
                         JOIN inv.asset_place l ON l.zone_id = m.zone_id AND l.addr = m.addr AND l.asset_id = w.asset_id
                        WHERE n.zone_id = p_zone AND n.addr = w.addr AND n.kind IN (7, 8)) THEN 0
                -- and one of a machine whose others are seen no more may have moved and been mended at once: half of it
                WHEN o.kind = 1 AND NOT w.holds AND NOT EXISTS (SELECT FROM inv.asset_place l WHERE l.asset_id = w.asset_id AND l.zone_id = p_zone
                       AND inv.segment(l.addr) = inv.segment(w.addr) AND inv.is_present(p_zone, l.addr)) THEN q.clash / 2
                ELSE q.clash END AS clash
      FROM who w LEFT JOIN own o ON o.addr = w.addr AND o.asset_id = w.asset_id LEFT JOIN inv.key_kind q ON q.kind = o.kind)
  SELECT w.addr, w.asset_id, w.holds, COALESCE(sum(w.agree) FILTER (WHERE w.same), 0)::real, sum(w.clash)::real,
         COALESCE(bool_or(w.strong) FILTER (WHERE w.same), false),
         COALESCE(array_agg(w.kind) FILTER (WHERE w.same), '{}'), COALESCE(array_agg(w.kind) FILTER (WHERE w.clash > 0), '{}')
    FROM w GROUP BY 1, 2, 3 $$;

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

-- Weighs what is due between two addresses; how many there were.  One at a time in a zone.
CREATE OR REPLACE FUNCTION inv.identify(p_zone int4, p_lo inet, p_hi inet) RETURNS int4 LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE v_addr inet[]; v_plain inet[]; v_at timestamptz; r record; n int4 := 0;
BEGIN
  PERFORM pg_advisory_xact_lock(731086873, p_zone);
  FOR round IN 1 .. 3 LOOP                                    -- what goes apart is weighed again
    WITH d AS (DELETE FROM inv.identity_due q WHERE q.zone_id = p_zone AND q.addr BETWEEN p_lo AND p_hi RETURNING q.addr, q.at)
    SELECT array_agg(DISTINCT d.addr), max(d.at) INTO v_addr, v_at FROM d;
    EXIT WHEN v_addr IS NULL;
    -- and whoever shows the same keys elsewhere, held for another: what is seen no more at one address may be who is at the other
    v_addr := v_addr || ARRAY(
      SELECT DISTINCT o.addr FROM inv.addr_key k JOIN inv.key_kind q ON q.kind = k.kind AND q.strong
        JOIN inv.addr_key o ON o.zone_id = k.zone_id AND o.kind = k.kind AND o.key = k.key AND NOT o.addr = ANY(v_addr)
        JOIN inv.fact_now a ON a.zone_id = k.zone_id AND a.addr = k.addr AND a.slot = 0 AND a.attr_id = 0
        JOIN inv.fact_now b ON b.zone_id = o.zone_id AND b.addr = o.addr AND b.slot = 0 AND b.attr_id = 0 AND b.value <> a.value
       WHERE k.zone_id = p_zone AND k.addr = ANY(v_addr)
         AND NOT EXISTS (SELECT FROM inv.key_distrust d WHERE d.zone_id = p_zone AND d.kind = k.kind AND d.key = k.key));
    n := n + cardinality(v_addr);
    PERFORM inv.note_keys(p_zone, v_at, v_addr);
    FOR r IN SELECT * FROM inv.copied(p_zone, v_addr) LOOP
      IF r.sure THEN
        PERFORM inv.distrust(p_zone, v_at, r.kind, r.key, r.reason);
      ELSE
        INSERT INTO inv.identity_later AS l (zone_id, addr, at)
        SELECT p_zone, k.addr, v_at FROM inv.addr_key k WHERE k.zone_id = p_zone AND k.addr = ANY(v_addr) AND k.kind = r.kind AND k.key = r.key
        ON CONFLICT ON CONSTRAINT identity_later_pk DO UPDATE SET at = LEAST(l.at, excluded.at);
      END IF;
    END LOOP;
    PERFORM inv.virtual(p_zone, v_at, v_addr);
    -- most have one candidate, keys that nobody else shows, and nothing against them
    v_plain := ARRAY(
      SELECT c.addr FROM inv.candidates(p_zone, v_addr) c JOIN inv.asset a USING (asset_id)
       GROUP BY c.addr HAVING count(*) = 1 AND sum(c.clash) = 0 AND bool_and(c.holds AND a.grade <> 'v')
          AND NOT EXISTS (SELECT FROM inv.addr_key k JOIN inv.addr_key o ON o.zone_id = k.zone_id AND o.kind = k.kind AND o.key = k.key AND o.addr <> k.addr
                           WHERE k.zone_id = p_zone AND k.addr = c.addr AND k.kind <> 8));
    INSERT INTO inv.asset_key(zone_id, kind, key, asset_id, since)
    SELECT DISTINCT ON (k.kind, k.key) p_zone, k.kind, k.key, f.value, v_at
      FROM inv.addr_key k JOIN inv.fact_now f ON f.zone_id = k.zone_id AND f.addr = k.addr AND f.slot = 0 AND f.attr_id = 0
     WHERE k.zone_id = p_zone AND k.addr = ANY(v_plain) AND k.kind > 0
       AND NOT EXISTS (SELECT FROM inv.key_distrust d WHERE d.zone_id = p_zone AND d.kind = k.kind AND d.key = k.key)
       AND NOT EXISTS (SELECT FROM inv.asset_key o WHERE o.zone_id = p_zone AND o.kind = k.kind AND o.key = k.key AND o.until = 'infinity')
     ORDER BY k.kind, k.key, k.addr
    ON CONFLICT ON CONSTRAINT asset_key_pkey DO UPDATE SET until = 'infinity', since = excluded.since;
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
