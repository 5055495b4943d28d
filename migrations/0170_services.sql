-- What a pass of services does not find has ended only when such a pass had found it: what a script of another pass says of a port is that pass's.

-- The kind of pass that said last what runs on a port; what is not known any more counts as services.
CREATE FUNCTION inv.probed_by(p_zone int4, p_addr inet, p_slot int4, p_since timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT COALESCE((SELECT p.kind FROM inv.change c JOIN inv.profile p USING (profile_id)
                    WHERE c.zone_id = p_zone AND c.addr = p_addr AND c.at = p_since AND c.slot = p_slot AND c.attr_id = 11 AND c.new_value IS NOT NULL LIMIT 1),
                  'services') $$;

-- What differs between the facts that were told of hosts and those that are here, as in 0132.
CREATE OR REPLACE FUNCTION inv.edges(p_zone int4, p_at timestamptz, p_kind text, p_slots int4multirange, p_addr inet[], p_in bool[],
                          p_full inet[], p_moved inet[], p_ids int4[], p_judged int4[],
                          f_host int4[], f_slot int4[], f_attr int4[], f_value uuid[], u_host int4[], u_slot int4[], u_attr int4[])
RETURNS inv.edge[] LANGUAGE plpgsql STABLE AS $$
DECLARE v inv.edge[];
BEGIN
  WITH s AS MATERIALIZED (
    SELECT t.host, t.slot, CASE WHEN t.attr < 0 THEN p_ids[-t.attr] ELSE t.attr END AS attr_id, t.value
      FROM unnest(f_host, f_slot, f_attr, f_value) t(host, slot, attr, value) WHERE p_in[t.host]),
  nameless AS MATERIALIZED (
    SELECT u.host FROM unnest(u_host, u_attr) u(host, attr) WHERE u.attr = 3 AND p_in[u.host]),
  f AS MATERIALIZED (
    SELECT t.o::int4 AS host, n.slot, n.attr_id, n.value, n.since FROM unnest(p_addr, p_in) WITH ORDINALITY t(a, looked, o)
      CROSS JOIN LATERAL (SELECT * FROM inv.fact_now q WHERE q.zone_id = p_zone AND q.addr = t.a OFFSET 0) n
     -- a presence visit has nothing to do with ports, and one without scripts nothing with their results, unless another device is there
     WHERE t.looked
       AND CASE WHEN n.slot = 0 THEN n.attr_id >= 2 ELSE p_kind <> 'presence' OR n.addr = ANY(p_moved) END
       AND (n.attr_id < 100 OR p_ids <> '{}' OR p_moved <> '{}')),
  j AS MATERIALIZED (
    SELECT COALESCE(s.host, f.host) AS host, COALESCE(s.slot, f.slot) AS slot, COALESCE(s.attr_id, f.attr_id) AS attr_id,
           s.value AS new, f.value AS old, f.since
      FROM s FULL JOIN f ON s.host = f.host AND s.slot = f.slot AND s.attr_id = f.attr_id
     WHERE s.value IS DISTINCT FROM f.value
       -- most of what a visit does not tell it was not asked
       AND (s.value IS NOT NULL OR p_moved <> '{}' OR CASE f.attr_id WHEN 3 THEN f.host IN (SELECT a.host FROM nameless a)
                                                   WHEN 10 THEN p_kind = 'ports' AND p_slots @> f.slot
                                                   WHEN 11 THEN p_kind = 'services' ELSE f.attr_id = ANY(p_judged) END)),
  k AS (
    SELECT j.*, p_addr[j.host] AS addr, CASE
      WHEN old IS NULL THEN
        -- a detail counts only where its port is open
        CASE WHEN j.attr_id < 11 OR j.slot = 0 OR (j.host, j.slot) IN (SELECT s.host, s.slot FROM s WHERE s.attr_id = 10)
                  OR (j.host, j.slot) IN (SELECT f.host, f.slot FROM f WHERE f.attr_id = 10) THEN 'o' END
      WHEN new IS NOT NULL THEN CASE WHEN since >= p_at THEN 'k' ELSE 'v' END
      WHEN p_addr[j.host] = ANY(p_moved) THEN CASE WHEN since >= p_at THEN 'k' ELSE 'r' END
      WHEN NOT CASE j.attr_id WHEN 3 THEN j.host IN (SELECT a.host FROM nameless a)
                            WHEN 10 THEN p_kind = 'ports' AND p_slots @> j.slot
                            WHEN 11 THEN p_kind = 'services' AND probed_by(p_zone, p_addr[j.host], j.slot, since) = 'services'
                            ELSE j.attr_id = ANY(p_judged) END THEN NULL
      WHEN j.attr_id >= 11 AND j.slot <> 0 AND NOT (j.host, j.slot) IN (SELECT f.host, f.slot FROM f WHERE f.attr_id = 10) THEN NULL
      WHEN since >= p_at THEN 'k'
      WHEN NOT p_addr[j.host] = ANY(p_full)
           OR j.attr_id <> 3 AND (j.host, j.slot, j.attr_id) IN (SELECT u.host, u.slot, CASE WHEN u.attr < 0 THEN p_ids[-u.attr] ELSE u.attr END
                                                FROM unnest(u_host, u_slot, u_attr) u(host, slot, attr)) THEN 'q'
      ELSE 'm' END::"char" AS what
      FROM j)
  SELECT COALESCE(array_agg(ROW(addr, slot, attr_id, new, old, since, what)::inv.edge), '{}') INTO v FROM k WHERE what IS NOT NULL;
  RETURN v;
END $$;

REVOKE ALL ON FUNCTION inv.probed_by(int4, inet, int4, timestamptz) FROM PUBLIC;
