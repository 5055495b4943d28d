-- Who is who, in sets: the same answers, several times as fast.  What was asked for each fact or address by a function of its own is one
-- statement for all of them, and PL/pgSQL keeps its plan: the plan of a function in SQL is made anew for each statement that calls it, which took
-- longer than the work.  Nothing here depends on what the planner expects of tables that are still empty:
-- each address goes by key (kind <> 0, not > 0, so that the index of keys is no way to the keys of an address).

-- The block of an address: the one that is looked at, else the last that was.  (Blocks that are looked at do not overlap.)
CREATE OR REPLACE FUNCTION inv.block_of(p_zone int4, p_addr inet) RETURNS int4
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
DECLARE b record;
BEGIN
  SELECT q.block_id, q.hi INTO b FROM block q WHERE q.zone_id = p_zone AND q.lo <= p_addr AND q.retired_at IS NULL ORDER BY q.lo DESC LIMIT 1;
  IF b.hi >= p_addr THEN RETURN b.block_id; END IF;
  RETURN (SELECT q.block_id FROM block q WHERE q.zone_id = p_zone AND q.lo <= p_addr AND q.hi >= p_addr AND q.retired_at IS NOT NULL
           ORDER BY q.block_id DESC LIMIT 1);
END $$;

-- The keys that these addresses show now.  A key of kind 0 is a MAC address that is virtual.  Kind -1 is none: something was read at the address, and
-- nobody has asked whose card it is since.
DROP FUNCTION inv.keys_shown(int4, inet[]);
CREATE FUNCTION inv.keys_shown(p_zone int4, p_addr inet[]) RETURNS TABLE (addr inet, kind int2, key text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE v_attrs int4[] := ARRAY(SELECT a.attr_id FROM inv.attr a WHERE a.kind = 'script' AND EXISTS (SELECT FROM inv.key_path p WHERE p.script = a.name));
BEGIN
  RETURN QUERY
  -- what scripts have read.  It counts when the address was asked for its card again since, by a visit that had an answer to tell; and not when
  -- another card came since: then it belongs to the one before (one that changes its random address is still itself).
  WITH read AS MATERIALIZED (
    SELECT f.addr, f.attr_id, f.value,
           m.since IS NULL OR EXISTS (
             SELECT FROM inv.coverage v JOIN inv.profile p ON p.profile_id = v.profile_id
              WHERE v.block_id = u.block_id AND v.at >= f.since AND v.from_at > f.since AND p.kind IN ('presence', 'ports') AND v.complete
                AND (v.scope IS NULL OR f.addr = ANY(v.scope)) AND NOT COALESCE(f.addr = ANY(v.blind), false)) AS known,
           m.since > f.since
             AND inv.mac_identifies((SELECT CASE WHEN t.body ~ '^[0-9a-f]{2}(:[0-9a-f]{2}){5}$' THEN t.body::macaddr END FROM inv.value_text t WHERE t.value = m.value))
             AND EXISTS (SELECT FROM inv.change c WHERE c.zone_id = p_zone AND c.addr = f.addr AND c.at = m.since AND c.slot = 0
                            AND c.attr_id = 2 AND c.old_since IS NOT NULL) AS before
      FROM (SELECT a, inv.block_of(p_zone, a) AS block_id FROM unnest(p_addr) a OFFSET 0) u
      JOIN inv.fact_now f ON f.zone_id = p_zone AND f.addr = u.a AND f.attr_id = ANY(v_attrs)
      LEFT JOIN inv.fact_now m ON m.zone_id = p_zone AND m.addr = f.addr AND m.slot = 0 AND m.attr_id = 2)
  SELECT DISTINCT q.addr, q.kind, CASE WHEN q.kind > 0 THEN inv.key_text(q.kind, q.key) ELSE q.key END FROM (
    SELECT m.addr, CASE m.sort WHEN 'x' THEN 0 WHEN 'r' THEN 2 ELSE 1 END::int2 AS kind, m.body AS key FROM (
      SELECT f.addr, t.body, inv.mac_kind(CASE WHEN t.body ~ '^[0-9a-f]{2}(:[0-9a-f]{2}){5}$' THEN t.body::macaddr END) AS sort
        FROM unnest(p_addr) u(addr)
        JOIN inv.fact_now f ON f.zone_id = p_zone AND f.addr = u.addr AND f.slot = 0 AND f.attr_id = 2 JOIN inv.value_text t USING (value)) m
     WHERE m.sort IS NOT NULL
    UNION ALL
    SELECT f.addr, 8::int2, t.body FROM unnest(p_addr) u(addr)
      JOIN inv.fact_now f ON f.zone_id = p_zone AND f.addr = u.addr AND f.slot = 0 AND f.attr_id = 3 JOIN inv.value_text t USING (value)
    UNION ALL
    SELECT r.addr, -1::int2, '' FROM read r WHERE NOT r.known
    UNION ALL
    SELECT r.addr, p.kind, x #>> '{}'
      FROM read r JOIN inv.attr a ON a.attr_id = r.attr_id JOIN inv.key_path p ON p.script = a.name
      JOIN inv.value_script v ON v.value = r.value
      CROSS JOIN LATERAL jsonb_path_query(v.data, p.path, '{}', true) x
     WHERE r.known AND r.before IS NOT TRUE AND jsonb_typeof(x) IN ('string', 'number')
       -- different host keys behind ports of one address: it passes connections on to several machines
       AND (p.kind <> 4 OR NOT EXISTS (SELECT FROM inv.fact_now o WHERE o.zone_id = p_zone AND o.addr = r.addr AND o.attr_id = r.attr_id AND o.value <> r.value))
       AND (p.kind <> 1 OR inv.mac_kind(CASE WHEN x #>> '{}' ~* '^[0-9a-f]{2}(:[0-9a-f]{2}){5}$' THEN (x #>> '{}')::macaddr END) = 'g')
    UNION ALL
    SELECT e.addr, h.kind, e.key FROM unnest(p_addr) u(addr)
      JOIN inv.evidence e ON e.zone_id = p_zone AND e.addr = u.addr JOIN inv.key_heard h ON h.heard = e.kind
       -- what was said before the newest card came belongs to the one before
     WHERE e.last_at >= COALESCE((SELECT max(m.first_at) FROM inv.evidence m
                                   WHERE m.zone_id = p_zone AND m.addr = e.addr AND m.kind = 'mac'), '-infinity')
       AND NOT EXISTS (SELECT FROM inv.evidence n WHERE n.zone_id = p_zone AND n.kind = e.kind AND n.key = e.key AND n.addr <> e.addr
                          AND n.first_at > e.last_at)
       -- nor need it be of who is there now when nobody was in between (whoever comes back is heard again)
       AND NOT (EXISTS (SELECT FROM inv.fact_now f WHERE f.zone_id = p_zone AND f.addr = e.addr AND f.slot = 0 AND f.attr_id = 1)
            AND EXISTS (SELECT FROM inv.change c WHERE c.zone_id = p_zone AND c.addr = e.addr AND c.slot = 0 AND c.attr_id = 1 AND c.at > e.last_at
                           AND c.new_value IS NULL))) q
   WHERE q.kind <= 0 OR inv.key_text(q.kind, q.key) IS NOT NULL;
END $$;

-- Brings inv.addr_key up to date for these addresses, and where keys that were heard have moved away from; what waits is weighed again later.
CREATE OR REPLACE FUNCTION inv.note_keys(p_zone int4, p_at timestamptz, p_addr inet[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  WITH s AS MATERIALIZED (SELECT * FROM inv.keys_shown(p_zone, p_addr)),
  old AS MATERIALIZED (
    SELECT k.addr, k.kind, k.key FROM unnest(p_addr) u(addr) JOIN inv.addr_key k ON k.zone_id = p_zone AND k.addr = u.addr),
  gone AS MATERIALIZED (SELECT o.addr, o.kind, o.key FROM old o EXCEPT SELECT s.addr, s.kind, s.key FROM s),
  d AS (DELETE FROM inv.addr_key k USING gone g WHERE k.zone_id = p_zone AND k.addr = g.addr AND k.kind = g.kind AND k.key = g.key),
  l AS (
    INSERT INTO inv.identity_later AS l (zone_id, addr, at) SELECT p_zone, s.addr, p_at FROM s WHERE s.kind = -1
    ON CONFLICT ON CONSTRAINT identity_later_pk DO UPDATE SET at = LEAST(l.at, excluded.at))
  INSERT INTO inv.addr_key(zone_id, addr, kind, key, since)
  SELECT p_zone, q.addr, q.kind, q.key, p_at FROM (SELECT s.addr, s.kind, s.key FROM s WHERE s.kind >= 0 EXCEPT SELECT o.addr, o.kind, o.key FROM old o) q
  ON CONFLICT DO NOTHING;
  DELETE FROM inv.addr_key k USING inv.evidence n, inv.key_heard h, inv.evidence o
   WHERE n.zone_id = p_zone AND n.addr = ANY(p_addr) AND h.heard = n.kind AND o.zone_id = p_zone AND o.kind = n.kind AND o.key = n.key
     AND o.addr <> n.addr AND n.first_at > o.last_at
     AND k.zone_id = p_zone AND k.addr = o.addr AND k.kind = h.kind AND k.key = inv.key_text(h.kind, o.key);
END $$;

-- Whether a device shows at another address of the segment what names devices, and nothing of the kind at this one, which it holds and
-- which shows no card: then it may have moved away.  kind: of the key; NULL: it does not.  clash: how much that speaks against it: 3.9, and more where
-- addresses change hands often (p_at: when; NULL: without that); and 5 when the name here is not that of the other address: then
-- it is the device's only because this address shows it.
CREATE FUNCTION inv.elsewhere(p_zone int4, p_addr inet, p_asset uuid, p_at timestamptz, OUT kind int2, OUT clash real) LANGUAGE plpgsql STABLE AS $$
DECLARE v_named bool;
BEGIN
  SELECT min(o.kind), bool_or(EXISTS (SELECT FROM inv.addr_key n JOIN inv.addr_key m ON m.zone_id = n.zone_id AND m.kind = n.kind AND m.key = n.key
                                       WHERE n.zone_id = p_zone AND n.addr = p_addr AND n.kind = 8 AND m.addr = k.addr)) INTO kind, v_named
    FROM inv.asset_key o JOIN inv.addr_key k ON k.zone_id = p_zone AND k.kind = o.kind AND k.key = o.key AND k.addr <> p_addr
   WHERE o.zone_id = p_zone AND o.asset_id = p_asset AND o.until = 'infinity' AND o.kind IN (3, 4, 5, 6, 7, 9, 10, 11)
     AND inv.segment(k.addr) = inv.segment(p_addr)
     AND NOT EXISTS (SELECT FROM inv.addr_key c WHERE c.zone_id = p_zone AND c.addr = p_addr AND c.kind IN (0, 1, 2))
     AND NOT EXISTS (SELECT FROM inv.key_distrust d WHERE d.zone_id = p_zone AND d.kind = o.kind AND d.key = o.key)
     AND inv.is_present(p_zone, k.addr) AND inv.is_present(p_zone, p_addr);
  IF kind IS NULL THEN RETURN; END IF;
  clash := 3.9;
  IF NOT v_named AND EXISTS (SELECT FROM inv.addr_key n WHERE n.zone_id = p_zone AND n.addr = p_addr AND n.kind = 8) THEN
    clash := clash + 5;
  END IF;
  IF p_at IS NOT NULL THEN
    clash := clash + (SELECT 216 * t.changes / (COALESCE(t.days, 0) + 20) FROM inv.turnover(p_zone, p_addr, p_at) t);
  END IF;
END $$;

-- Every asset that may be at these addresses: who holds them, and whose keys they show.  agree and clash: sums of weights, each kind once.
-- p_at: for inv.elsewhere.
DROP FUNCTION inv.candidates(int4, inet[]);
CREATE FUNCTION inv.candidates(p_zone int4, p_addr inet[], p_at timestamptz DEFAULT NULL)
RETURNS TABLE (addr inet, asset_id uuid, holds bool, agree real, clash real, strong bool, agreed int2[], clashed int2[])
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  SELECT u.addr, c.asset_id, c.holds, COALESCE(a.agree, 0)::real,
         (COALESCE(w.clash, 0) + COALESCE(e.clash, 0))::real,
         COALESCE(a.strong, false), COALESCE(a.agreed, '{}'), COALESCE(w.clashed, '{}') || array_remove(ARRAY[e.kind], NULL)
    FROM unnest(p_addr) u(addr)
    LEFT JOIN inv.fact_now h ON h.zone_id = p_zone AND h.addr = u.addr AND h.slot = 0 AND h.attr_id = 0
    CROSS JOIN LATERAL (
      SELECT q.asset_id, q.asset_id IS NOT DISTINCT FROM h.value AS holds, COALESCE(array_agg(q.kind) FILTER (WHERE q.kind IS NOT NULL), '{}') AS same
        FROM (SELECT h.value AS asset_id, NULL::int2 AS kind
              UNION ALL
              SELECT o.asset_id, k.kind
                FROM inv.addr_key k JOIN inv.asset_key o ON o.zone_id = p_zone AND o.kind = k.kind AND o.key = k.key AND o.until = 'infinity'
               WHERE k.zone_id = p_zone AND k.addr = u.addr AND k.kind <> 0
                 AND NOT EXISTS (SELECT FROM inv.key_distrust d WHERE d.zone_id = p_zone AND d.kind = k.kind AND d.key = k.key)) q
       WHERE q.asset_id IS NOT NULL GROUP BY 1) c
    CROSS JOIN LATERAL (
      SELECT sum(q.agree) AS agree, bool_or(q.strong) AS strong, array_agg(q.kind) AS agreed FROM inv.key_kind q WHERE q.kind = ANY(c.same)) a
    CROSS JOIN LATERAL (                                      -- of most, all that is shown is theirs: nothing to look for
      SELECT sum(x.clash) AS clash, array_agg(k.kind) FILTER (WHERE x.clash > 0) AS clashed
        FROM (SELECT DISTINCT o.kind FROM inv.asset_key o
               WHERE NOT ARRAY(SELECT s.kind FROM inv.addr_key s WHERE s.zone_id = p_zone AND s.addr = u.addr AND s.kind <> 0) <@ c.same
                 AND o.asset_id = c.asset_id AND o.until = 'infinity' AND o.zone_id = p_zone AND NOT o.kind = ANY(c.same)
                 AND EXISTS (SELECT FROM inv.addr_key s WHERE s.zone_id = p_zone AND s.addr = u.addr AND s.kind = o.kind
                                AND NOT EXISTS (SELECT FROM inv.key_distrust d WHERE d.zone_id = p_zone AND d.kind = s.kind AND d.key = s.key))) k
        JOIN inv.key_kind q ON q.kind = k.kind,
             LATERAL (SELECT CASE
                WHEN k.kind <> 1 OR c.holds THEN q.clash
                -- a card on another segment is a second card, no contradiction
                WHEN NOT EXISTS (SELECT FROM inv.asset_place l WHERE l.asset_id = c.asset_id AND l.zone_id = p_zone
                       AND inv.segment(l.addr) = inv.segment(u.addr)) THEN 0
                -- nor is one next to another under one name: a machine with two cards on a segment
                WHEN EXISTS (
                       SELECT FROM inv.addr_key n JOIN inv.addr_key m ON m.zone_id = n.zone_id AND m.kind = n.kind AND m.key = n.key AND m.addr <> n.addr
                         JOIN inv.asset_place l ON l.zone_id = m.zone_id AND l.addr = m.addr AND l.asset_id = c.asset_id
                        WHERE n.zone_id = p_zone AND n.addr = u.addr AND n.kind IN (7, 8)) THEN 0
                WHEN EXISTS (SELECT FROM inv.asset_place l WHERE l.asset_id = c.asset_id AND l.zone_id = p_zone
                       AND inv.segment(l.addr) = inv.segment(u.addr) AND inv.is_present(p_zone, l.addr)) THEN q.clash
                -- nor is one that takes over its address while the old one is seen no more: that is new hardware
                WHEN inv.held_before(p_zone, u.addr, c.asset_id) THEN 0
                -- and one of a machine whose others are seen no more may have moved and been mended at once: half of it
                ELSE q.clash / 2 END AS clash) x) w
    -- (OFFSET: asked of few, not of all)
    LEFT JOIN LATERAL (SELECT * FROM inv.elsewhere(p_zone, u.addr, c.asset_id, p_at) WHERE c.holds AND a.strong IS NOT TRUE OFFSET 0) e ON true;
END $$;

-- Whether an address answered when it was asked last: what an absent one showed says nothing of copies.
CREATE OR REPLACE FUNCTION inv.is_present(p_zone int4, p_addr inet) RETURNS bool LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM inv.fact_now f WHERE f.zone_id = p_zone AND f.addr = p_addr AND f.slot = 0 AND f.attr_id = 1)
     AND NOT EXISTS (SELECT FROM inv.doubt d WHERE d.zone_id = p_zone AND d.addr = p_addr AND d.slot = 0 AND d.attr_id = 1 AND d.misses > 0);
END $$;

-- Whether the asset had the address until its present holder came.
CREATE OR REPLACE FUNCTION inv.held_before(p_zone int4, p_addr inet, p_asset uuid) RETURNS bool LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM inv.fact_now f JOIN inv.change c ON c.zone_id = f.zone_id AND c.addr = f.addr AND c.attr_id = 0 AND c.slot = 0
                    AND c.at = f.since AND c.new_value = f.value AND c.old_value = p_asset
                  WHERE f.zone_id = p_zone AND f.addr = p_addr AND f.slot = 0 AND f.attr_id = 0);
END $$;

-- Whether the address changes hands so often that two devices must be claiming it, or one with two cards on a segment: it goes back
-- to somebody who held it within a day.
CREATE OR REPLACE FUNCTION inv.contested(p_zone int4, p_addr inet, p_to uuid, p_at timestamptz) RETURNS bool LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT count(*) >= 2 AND bool_or(c.old_value = p_to) FROM inv.change c
           WHERE c.zone_id = p_zone AND c.addr = p_addr AND c.attr_id = 0 AND c.at > p_at - interval '1 day');
END $$;

-- How often addresses of a segment change hands: changes within a month, and days that addresses were there in it, all added up.
CREATE FUNCTION inv.turnover(p_zone int4, p_addr inet, p_at timestamptz, OUT changes int8, OUT days float8) LANGUAGE plpgsql STABLE AS $$
DECLARE v_lo inet := set_masklen(network(inv.segment(p_addr))::inet, masklen(network(p_addr)));
  v_hi inet := set_masklen(broadcast(inv.segment(p_addr))::inet, masklen(network(p_addr)));
BEGIN
  SELECT count(*) INTO changes FROM inv.change c WHERE c.zone_id = p_zone AND c.addr BETWEEN v_lo AND v_hi AND c.attr_id = 0
     AND c.cause = 'r' AND c.at > p_at - interval '30 days';
  SELECT count(*) * LEAST(30, GREATEST(1, EXTRACT(epoch FROM p_at - min(f.since)) / 86400)) INTO days FROM inv.fact_now f
   WHERE f.zone_id = p_zone AND f.addr BETWEEN v_lo AND v_hi AND f.attr_id = 1;
END $$;

-- The bonus of whoever holds an address, 0 to 4.5, the less the more often addresses of its segment change hands.
CREATE OR REPLACE FUNCTION inv.incumbency(p_zone int4, p_addr inet, p_at timestamptz) RETURNS real LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT GREATEST(0, 4.5 - 36 * (t.changes + 1) / (COALESCE(t.days, 0) + 20))::real FROM inv.turnover(p_zone, p_addr, p_at) t);
END $$;

-- Whether two assets may be one: no person said no, and of what a machine has one of, they have not one each; unless one address shows both.
CREATE OR REPLACE FUNCTION inv.compatible(p_zone int4, p_a uuid, p_b uuid) RETURNS bool LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN NOT EXISTS (SELECT FROM inv.asset_apart x WHERE x.zone_id = p_zone AND x.a = LEAST(p_a, p_b) AND x.b = GREATEST(p_a, p_b))
     AND NOT EXISTS (
       SELECT FROM (SELECT x.kind FROM inv.asset_key x WHERE x.asset_id IN (p_a, p_b) AND x.until = 'infinity' AND x.kind IN (3, 4, 6, 10)
                     GROUP BY x.kind HAVING count(DISTINCT x.asset_id) = 2) q
        WHERE NOT EXISTS (SELECT FROM inv.asset_key x JOIN inv.addr_key s ON s.zone_id = p_zone AND s.kind = x.kind AND s.key = x.key
                           WHERE x.kind = q.kind AND x.asset_id IN (p_a, p_b) AND x.until = 'infinity'
                           GROUP BY s.addr HAVING count(DISTINCT x.asset_id) = 2));
END $$;

-- Whether an asset was made for this address within a day, is nothing else, and never showed what the address does not show: it may turn
-- out to be somebody known.
CREATE OR REPLACE FUNCTION inv.newcomer(p_zone int4, p_asset uuid, p_addr inet, p_at timestamptz) RETURNS bool LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT a.made_at > p_at - interval '1 day' AND a.grade <> 'v'
       AND NOT EXISTS (SELECT FROM inv.asset_place l WHERE l.asset_id = p_asset AND l.addr <> p_addr)
       AND NOT EXISTS (SELECT FROM inv.asset_key k WHERE k.asset_id = p_asset AND k.kind NOT IN (2, 8)
                          AND NOT EXISTS (SELECT FROM inv.addr_key s WHERE s.zone_id = p_zone AND s.addr = p_addr AND s.kind = k.kind AND s.key = k.key))
       AND NOT EXISTS (SELECT FROM inv.identity_log g WHERE g.other_id = p_asset AND g.what = 'split' AND g.undone_at IS NULL)
      FROM inv.asset a WHERE a.asset_id = p_asset AND a.zone_id = p_zone);
END $$;

-- Whether the address shows a key that names devices.
CREATE OR REPLACE FUNCTION inv.shows_strong(p_zone int4, p_addr inet) RETURNS bool LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM inv.addr_key k JOIN inv.key_kind q USING (kind) WHERE k.zone_id = p_zone AND k.addr = p_addr AND q.strong
                    AND NOT EXISTS (SELECT FROM inv.key_distrust d WHERE d.zone_id = p_zone AND d.kind = k.kind AND d.key = k.key));
END $$;

-- The candidates of one address, best first; without those that a person keeps apart from who holds it.
CREATE OR REPLACE FUNCTION inv.ranked(p_zone int4, p_at timestamptz, p_addr inet) RETURNS inv.candidate[] LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    WITH c AS MATERIALIZED (SELECT * FROM inv.candidates(p_zone, ARRAY[p_addr], p_at))
    SELECT array_agg(ROW(q.asset_id, q.holds, q.score, q.strong, q.agreed, q.clashed)::inv.candidate ORDER BY q.score DESC, q.holds DESC, q.made_at, q.asset_id)
      FROM (SELECT c.*, c.agree - c.clash + CASE WHEN c.holds THEN inv.incumbency(p_zone, p_addr, p_at) ELSE 0 END AS score, a.made_at
              FROM c JOIN inv.asset a USING (asset_id)
             WHERE a.ended_at IS NULL AND a.grade <> 'v'
               AND NOT EXISTS (SELECT FROM c h JOIN inv.asset_apart x ON x.zone_id = p_zone
                                  AND x.a = LEAST(h.asset_id, c.asset_id) AND x.b = GREATEST(h.asset_id, c.asset_id) WHERE h.holds)) q);
END $$;

-- Kinds by name, for explanations.
CREATE OR REPLACE FUNCTION inv.kind_names(p int2[]) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT COALESCE(jsonb_agg(q.name ORDER BY q.kind), '[]') FROM inv.key_kind q WHERE q.kind = ANY(p));
END $$;

-- Of the keys that these addresses show, those that several devices show at once, and why one thinks so.
--   A MAC address on more than three addresses of a segment answers for others (proxy ARP, NAT); on two or three it does so
--   when they have different host keys or certificates.
--   Another key with several MAC addresses in one segment was copied (a cloned machine), unless one name is behind it all; more than
--   three of them were in any case.  On different segments it is a machine with several cards.
-- Most keys are shown at one address: those are left out first.
CREATE OR REPLACE FUNCTION inv.copied(p_zone int4, p_addr inet[]) RETURNS TABLE (kind int2, key text, reason text) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH mine AS MATERIALIZED (
    SELECT DISTINCT k.kind, k.key FROM unnest(p_addr) u(addr)
      JOIN inv.addr_key k ON k.zone_id = p_zone AND k.addr = u.addr AND k.kind IN (1, 4, 5, 6, 7, 9, 10, 11, 12)
     WHERE EXISTS (SELECT FROM inv.addr_key o WHERE o.zone_id = p_zone AND o.kind = k.kind AND o.key = k.key AND o.addr <> k.addr)
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
   WHERE q.reason IS NOT NULL ORDER BY q.kind, q.key;
END $$;

DROP FUNCTION inv.card_known(int4, inet, timestamptz);
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA inv FROM PUBLIC;
SELECT ops.grant_roles();
