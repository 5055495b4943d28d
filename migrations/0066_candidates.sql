-- Candidates are looked for by joins: comparing each key with all that were asked about took time by the square of their number.
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
    SELECT w.addr, w.asset_id, o.kind, bool_or(m.key IS NOT NULL) AS same
      FROM who w JOIN inv.asset_key o ON o.asset_id = w.asset_id AND o.until = 'infinity' AND o.zone_id = p_zone
      JOIN (SELECT DISTINCT k.addr, k.kind FROM k) s ON s.addr = w.addr AND s.kind = o.kind
      LEFT JOIN k m ON m.addr = w.addr AND m.kind = o.kind AND m.key = o.key GROUP BY 1, 2, 3),
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
