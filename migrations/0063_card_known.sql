-- What a script reads at an address counts for who is there only when it was asked for its MAC address again since (where it has one).  Else a
-- host key that was read a moment after two machines had taken each other's address would speak for the card of the one that left, and could
-- merge the two.  This takes the place of what 0062 asks of copies alone.

-- Whether a visit that asks for MAC addresses began at this address after a time, and had an answer; true also where none is shown.
CREATE FUNCTION inv.card_known(p_zone int4, p_addr inet, p_since timestamptz) RETURNS bool LANGUAGE sql STABLE AS $$
  SELECT NOT EXISTS (SELECT FROM inv.fact_now f WHERE f.zone_id = p_zone AND f.addr = p_addr AND f.slot = 0 AND f.attr_id = 2)
      OR EXISTS (SELECT FROM inv.coverage v JOIN inv.profile p ON p.profile_id = v.profile_id
                  WHERE v.block_id = inv.block_of(p_zone, p_addr) AND v.at >= p_since AND v.from_at > p_since AND p.kind IN ('presence', 'ports')
                    AND v.complete AND (v.scope IS NULL OR p_addr = ANY(v.scope)) AND NOT COALESCE(p_addr = ANY(v.blind), false)) $$;

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
       AND inv.card_known(p_zone, f.addr, f.since)
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

-- Of the keys that these addresses show, those that several devices show at once, and why one thinks so.
--   A MAC address on more than three addresses of a segment answers for others (proxy ARP, NAT); on two or three it does so
--   when they have different host keys or certificates.
--   Another key with several MAC addresses in one segment was copied (a cloned machine), unless one name is behind it all; more than
--   three of them were in any case.  On different segments it is a machine with several cards.
DROP FUNCTION inv.copied(int4, inet[]);
DROP FUNCTION inv.asked_since(int4, inet[], timestamptz[]);
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
    INSERT INTO inv.identity_later AS l (zone_id, addr, at)
    SELECT DISTINCT p_zone, f.addr, v_at FROM inv.key_path p JOIN inv.attr a ON a.kind = 'script' AND a.name = p.script
      JOIN inv.fact_now f ON f.zone_id = p_zone AND f.addr = ANY(v_addr) AND f.attr_id = a.attr_id
     WHERE NOT inv.card_known(p_zone, f.addr, f.since)
    ON CONFLICT ON CONSTRAINT identity_later_pk DO UPDATE SET at = LEAST(l.at, excluded.at);
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
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA inv FROM PUBLIC;
SELECT ops.grant_roles();
