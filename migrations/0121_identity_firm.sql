-- Who is who: what a visit asks first keeps its plan, and addresses that show something new of an asset that is theirs without doubt (a certificate that
-- was renewed, another host key beside the same card) are written all at once.

-- The hosts without a holder, or whose holder is not the one their MAC address names.  Nothing is written.  clash: the holder has another
-- card.  A random address after another random one is no reason: that is what they are for; after a card of the holder, or of somebody else, it is.
CREATE OR REPLACE FUNCTION inv.strangers(p_zone int4, p_at timestamptz, p_addr inet[], p_mac macaddr[]) RETURNS inv.who[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN ARRAY(
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
            AND NOT (q.asset_id IS NOT NULL AND inv.contested(p_zone, q.addr, q.asset_id, p_at))));
END $$;

-- Of these addresses, those that are settled without weighing one against another: one candidate, who holds it; no key but a name that another address
-- shows; and nothing against it, or so much for it (6 without the bonus of whoever holds it) that it stays.  Then what it retires must
-- not be shown elsewhere: there it would speak for the asset.
CREATE FUNCTION inv.settled(p_zone int4, p_addr inet[], OUT plain inet[], OUT firm inet[]) LANGUAGE plpgsql STABLE AS $$
BEGIN
  SELECT COALESCE(array_agg(q.addr) FILTER (WHERE q.clash = 0), '{}'), COALESCE(array_agg(q.addr) FILTER (WHERE q.clash > 0 AND NOT EXISTS (
           SELECT FROM inv.asset_key o JOIN inv.key_kind w ON w.kind = o.kind AND NOT w.many
            WHERE o.asset_id = q.asset_id AND o.zone_id = p_zone AND o.until = 'infinity'
              AND EXISTS (SELECT FROM inv.addr_key s WHERE s.zone_id = p_zone AND s.addr = q.addr AND s.kind = o.kind)
              AND EXISTS (SELECT FROM inv.addr_key k JOIN inv.fact_now f ON f.zone_id = p_zone AND f.addr = k.addr AND f.slot = 0 AND f.attr_id = 0
                           WHERE k.zone_id = p_zone AND k.kind = o.kind AND k.key = o.key AND f.value <> q.asset_id))), '{}')
    INTO plain, firm
    FROM (SELECT c.addr, (array_agg(c.asset_id))[1] AS asset_id, sum(c.clash) AS clash
            FROM inv.candidates(p_zone, p_addr) c JOIN inv.asset a USING (asset_id)
           GROUP BY c.addr HAVING count(*) = 1 AND bool_and(c.holds AND a.grade <> 'v' AND (c.clash = 0 OR c.agree - c.clash >= 6))) q
   WHERE NOT EXISTS (SELECT FROM inv.addr_key k JOIN inv.addr_key o ON o.zone_id = k.zone_id AND o.kind = k.kind AND o.key = k.key AND o.addr <> k.addr
                      WHERE k.zone_id = p_zone AND k.addr = q.addr AND k.kind <> 8);
END $$;

-- Weighs what is due between two addresses; how many there were.  One at a time in a zone.
CREATE OR REPLACE FUNCTION inv.identify(p_zone int4, p_lo inet, p_hi inet) RETURNS int4 LANGUAGE plpgsql
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE v_addr inet[]; v_plain inet[]; v_firm inet[]; v_at timestamptz; r record; n int4 := 0;
BEGIN
  PERFORM pg_advisory_xact_lock(731086873, p_zone);
  FOR round IN 1 .. 3 LOOP                                    -- what goes apart is weighed again
    WITH d AS (DELETE FROM inv.identity_due q WHERE q.zone_id = p_zone AND q.addr BETWEEN p_lo AND p_hi RETURNING q.addr, q.at)
    SELECT array_agg(DISTINCT d.addr), max(d.at) INTO v_addr, v_at FROM d;
    EXIT WHEN v_addr IS NULL;
    -- and whoever shows the same keys elsewhere, held for another: what is seen no more at one address may be who is at the other
    v_addr := v_addr || ARRAY(
      SELECT DISTINCT o.addr FROM unnest(v_addr) u(addr)
        JOIN inv.addr_key k ON k.zone_id = p_zone AND k.addr = u.addr JOIN inv.key_kind q ON q.kind = k.kind AND q.strong
        JOIN inv.addr_key o ON o.zone_id = p_zone AND o.kind = k.kind AND o.key = k.key AND o.addr <> k.addr
        JOIN inv.fact_now a ON a.zone_id = p_zone AND a.addr = k.addr AND a.slot = 0 AND a.attr_id = 0
        JOIN inv.fact_now b ON b.zone_id = p_zone AND b.addr = o.addr AND b.slot = 0 AND b.attr_id = 0 AND b.value <> a.value
       WHERE NOT EXISTS (SELECT FROM inv.key_distrust d WHERE d.zone_id = p_zone AND d.kind = k.kind AND d.key = k.key)
         AND NOT o.addr = ANY(v_addr));
    PERFORM inv.note_keys(p_zone, v_at, v_addr);
    -- nor may it be any more who it was where it shows none of that
    v_addr := v_addr || ARRAY(
      SELECT DISTINCT l.addr FROM unnest(v_addr) u(addr)
        JOIN inv.addr_key k ON k.zone_id = p_zone AND k.addr = u.addr
        JOIN inv.asset_key o ON o.zone_id = p_zone AND o.kind = k.kind AND o.key = k.key AND o.until = 'infinity'
        JOIN inv.asset_place l ON l.asset_id = o.asset_id AND l.zone_id = p_zone AND l.addr <> k.addr
       WHERE NOT l.addr = ANY(v_addr) AND (inv.elsewhere(p_zone, l.addr, o.asset_id, NULL)).kind IS NOT NULL
         AND NOT EXISTS (SELECT FROM inv.addr_key s JOIN inv.key_kind q ON q.kind = s.kind AND q.strong WHERE s.zone_id = p_zone AND s.addr = l.addr));
    n := n + cardinality(v_addr);
    FOR r IN SELECT * FROM inv.copied(p_zone, v_addr) LOOP
      PERFORM inv.distrust(p_zone, v_at, r.kind, r.key, r.reason);
    END LOOP;
    PERFORM inv.virtual(p_zone, v_at, v_addr);
    -- most need no weighing: these go first, so that others see what they have shown
    SELECT s.plain || s.firm, s.firm INTO v_plain, v_firm FROM inv.settled(p_zone, v_addr) s;
    -- (what a machine has one of retires when it shows another; not while another address of it still shows it)
    UPDATE inv.asset_key o SET until = v_at
      FROM unnest(v_firm) u(addr) JOIN inv.fact_now f ON f.zone_id = p_zone AND f.addr = u.addr AND f.slot = 0 AND f.attr_id = 0, inv.key_kind q
     WHERE o.asset_id = f.value AND o.zone_id = p_zone AND o.until = 'infinity' AND q.kind = o.kind AND NOT q.many
       AND EXISTS (SELECT FROM inv.addr_key k WHERE k.zone_id = p_zone AND k.addr = u.addr AND k.kind = o.kind)
       AND NOT EXISTS (SELECT FROM inv.addr_key k JOIN inv.asset_place l ON l.zone_id = k.zone_id AND l.addr = k.addr AND l.asset_id = o.asset_id
                        WHERE k.zone_id = p_zone AND k.kind = o.kind AND k.key = o.key);
    INSERT INTO inv.asset_key(zone_id, kind, key, asset_id, since)
    SELECT DISTINCT ON (k.kind, k.key) p_zone, k.kind, k.key, f.value, v_at
      FROM unnest(v_plain) u(addr) JOIN inv.addr_key k ON k.zone_id = p_zone AND k.addr = u.addr AND k.kind <> 0
      JOIN inv.fact_now f ON f.zone_id = p_zone AND f.addr = k.addr AND f.slot = 0 AND f.attr_id = 0
     WHERE NOT EXISTS (SELECT FROM inv.key_distrust d WHERE d.zone_id = p_zone AND d.kind = k.kind AND d.key = k.key)
       AND NOT EXISTS (SELECT FROM inv.asset_key o WHERE o.zone_id = p_zone AND o.kind = k.kind AND o.key = k.key AND o.until = 'infinity')
     ORDER BY k.kind, k.key, k.addr
    ON CONFLICT ON CONSTRAINT asset_key_pkey DO UPDATE SET until = 'infinity', since = excluded.since;
    FOR r IN SELECT c.addr, max(c.agree - c.clash) AS s
               FROM inv.candidates(p_zone, ARRAY(SELECT a FROM unnest(v_addr) a EXCEPT SELECT a FROM unnest(v_plain) a)) c
              GROUP BY 1 ORDER BY 2 DESC, 1 LOOP
      PERFORM inv.decide(p_zone, v_at, r.addr);
    END LOOP;
    UPDATE inv.asset a SET grade = 'f' FROM unnest(v_addr) u(addr) JOIN inv.fact_now f ON f.zone_id = p_zone AND f.addr = u.addr AND f.slot = 0 AND f.attr_id = 0
     WHERE a.asset_id = f.value AND a.grade = 'p'
       AND EXISTS (SELECT FROM inv.asset_key k JOIN inv.key_kind q USING (kind) WHERE k.asset_id = a.asset_id AND k.until = 'infinity' AND q.strong);
  END LOOP;
  RETURN n;
END $$;

-- Whether an asset shows, at another address that is there and of which nothing is in doubt, a key that names devices.
CREATE FUNCTION inv.shown_beside(p_zone int4, p_addr inet, p_asset uuid) RETURNS bool LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM inv.asset_key o JOIN inv.key_kind q ON q.kind = o.kind AND q.strong
      JOIN inv.addr_key k ON k.zone_id = p_zone AND k.kind = o.kind AND k.key = o.key AND k.addr <> p_addr
     WHERE o.zone_id = p_zone AND o.asset_id = p_asset AND o.until = 'infinity' AND inv.is_present(p_zone, k.addr)
       AND NOT EXISTS (SELECT FROM inv.key_distrust d WHERE d.zone_id = p_zone AND d.kind = o.kind AND d.key = o.key)
       AND NOT EXISTS (SELECT FROM inv.doubt d WHERE d.zone_id = p_zone AND d.addr = k.addr AND d.misses > 0));
END $$;

-- Decides one address: who scores 6 binds it; who holds it stays with less, as long as little speaks against that; else it is somebody
-- new.  Two that both score 6, by a key that names devices, are one: but not when that is a key of one that is nowhere else now, and the other had
-- nothing but a name here.  It has moved to an address whose name is still that of who was there before.
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
  IF best.score >= 6 AND other.score >= 6 AND other.strong AND NOT best.strong AND NOT inv.shown_beside(p_zone, p_addr, other.asset_id) THEN
    v_got := other.asset_id;
    best := other;
    v_why := v_why || jsonb_build_object('agreed', inv.kind_names(best.agreed));
  ELSIF best.score >= 6 AND other.score >= 6 AND other.strong AND inv.compatible(p_zone, best.asset_id, other.asset_id) THEN
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

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA inv FROM PUBLIC;
SELECT ops.grant_roles();
