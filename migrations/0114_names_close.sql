-- A name ends when its server says that there is none.  A visit of any kind tells so among what it could not judge (u_*), as attribute 3, which is
-- never in doubt otherwise.  The missing name is judged like a port that does not answer: so many misses, each confirmed.  What is not told at
-- all was not asked, as before.
--
-- As in 0040 but for `nameless`.
CREATE OR REPLACE FUNCTION inv.edges(p_zone int4, p_at timestamptz, p_kind text, p_slots int4multirange, p_addr inet[], p_in bool[], p_look inet[], p_full inet[],
                          p_moved inet[], p_ids int4[], p_judged int4[], f_host int4[], f_slot int4[], f_attr int4[], f_value uuid[],
                          u_host int4[], u_slot int4[], u_attr int4[]) RETURNS inv.edge[]
LANGUAGE plpgsql STABLE AS $$
DECLARE v inv.edge[];
BEGIN
  WITH s AS MATERIALIZED (
    SELECT p_addr[t.host] AS addr, t.slot, CASE WHEN t.attr < 0 THEN p_ids[-t.attr] ELSE t.attr END AS attr_id, t.value
      FROM unnest(f_host, f_slot, f_attr, f_value) t(host, slot, attr, value) WHERE p_in[t.host]),
  nameless AS MATERIALIZED (
    SELECT p_addr[u.host] AS addr FROM unnest(u_host, u_attr) u(host, attr) WHERE u.attr = 3 AND p_in[u.host]),
  f AS MATERIALIZED (
    SELECT n.addr, n.slot, n.attr_id, n.value, n.since FROM unnest(p_look) t(a)
      JOIN inv.fact_now n ON n.zone_id = p_zone AND n.addr = t.a
     -- a presence visit has nothing to do with ports, unless another device is there
     WHERE CASE WHEN n.slot = 0 THEN n.attr_id >= 2 ELSE p_kind <> 'presence' OR n.addr = ANY(p_moved) END),
  j AS MATERIALIZED (
    SELECT COALESCE(s.addr, f.addr) AS addr, COALESCE(s.slot, f.slot) AS slot, COALESCE(s.attr_id, f.attr_id) AS attr_id,
           s.value AS new, f.value AS old, f.since
      FROM s FULL JOIN f ON s.addr = f.addr AND s.slot = f.slot AND s.attr_id = f.attr_id
     WHERE s.value IS DISTINCT FROM f.value
       -- most of what a visit does not tell it was not asked
       AND (s.value IS NOT NULL OR p_moved <> '{}' OR CASE f.attr_id WHEN 3 THEN f.addr IN (SELECT a.addr FROM nameless a)
                                                   WHEN 10 THEN p_kind = 'ports' AND p_slots @> f.slot
                                                   WHEN 11 THEN p_kind = 'services' ELSE f.attr_id = ANY(p_judged) END)),
  k AS (
    SELECT j.*, CASE
      WHEN old IS NULL THEN
        -- a detail counts only where its port is open
        CASE WHEN j.attr_id < 11 OR j.slot = 0 OR (j.addr, j.slot) IN (SELECT s.addr, s.slot FROM s WHERE s.attr_id = 10)
                  OR (j.addr, j.slot) IN (SELECT f.addr, f.slot FROM f WHERE f.attr_id = 10) THEN 'o' END
      WHEN new IS NOT NULL THEN CASE WHEN since >= p_at THEN 'k' ELSE 'v' END
      WHEN j.addr = ANY(p_moved) THEN CASE WHEN since >= p_at THEN 'k' ELSE 'r' END
      WHEN NOT CASE j.attr_id WHEN 3 THEN j.addr IN (SELECT a.addr FROM nameless a)
                            WHEN 10 THEN p_kind = 'ports' AND p_slots @> j.slot
                            WHEN 11 THEN p_kind = 'services'
                            ELSE j.attr_id = ANY(p_judged) END THEN NULL
      WHEN j.attr_id >= 11 AND j.slot <> 0 AND NOT (j.addr, j.slot) IN (SELECT f.addr, f.slot FROM f WHERE f.attr_id = 10) THEN NULL
      WHEN since >= p_at THEN 'k'
      WHEN NOT j.addr = ANY(p_full)
           OR j.attr_id <> 3 AND (j.addr, j.slot, j.attr_id) IN (SELECT p_addr[u.host], u.slot, CASE WHEN u.attr < 0 THEN p_ids[-u.attr] ELSE u.attr END
                                                FROM unnest(u_host, u_slot, u_attr) u(host, slot, attr)) THEN 'q'
      ELSE 'm' END::"char" AS what
      FROM j)
  SELECT COALESCE(array_agg(ROW(addr, slot, attr_id, new, old, since, what)::inv.edge), '{}') INTO v FROM k WHERE what IS NOT NULL;
  RETURN v;
END $$;
