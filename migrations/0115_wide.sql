-- Blocks of IPv6 that are too wide to be swept (2^24 addresses and more): a visit asks the addresses that are known there.

-- The addresses of a visit's block that are in use, and those that were, or were heard within a week.  Where the block is wide, those that went
-- longer ago are left out: with addresses that change each day for privacy, they would be most of what is asked.
-- looked: the pass was made before.
DROP FUNCTION api.past(int8, int8);
CREATE FUNCTION api.past(p_schedule int8, p_fence int8) RETURNS TABLE (addr inet, present bool, looked bool)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  WITH w AS (
    SELECT s.zone_id, b.lo, b.hi, s.last_at IS NOT NULL AS looked, family(b.lo) = 6 AND b.lo + 16777216::int8 <= b.hi AS wide
      FROM schedule s JOIN block b USING (block_id) WHERE s.schedule_id = p_schedule AND s.fence = p_fence),
  held AS (
    SELECT o.addr, EXISTS (SELECT FROM fact_now h WHERE h.zone_id = o.zone_id AND h.addr = o.addr AND h.slot = 0 AND h.attr_id = 1) AS present,
           w.wide, w.looked, o.zone_id
      FROM w JOIN fact_now o ON o.zone_id = w.zone_id AND o.addr BETWEEN w.lo AND w.hi AND o.slot = 0 AND o.attr_id = 0)
  SELECT d.addr, d.present, d.looked FROM held d
   WHERE d.present OR NOT d.wide
      OR EXISTS (SELECT FROM change c WHERE c.zone_id = d.zone_id AND c.addr = d.addr AND c.at > now() - interval '7 days'
                    AND c.slot = 0 AND c.attr_id = 1)
   UNION ALL
  SELECT h.addr, false, w.looked FROM w JOIN heard h ON h.zone_id = w.zone_id AND h.addr BETWEEN w.lo AND w.hi
   WHERE w.wide AND h.last_at > now() - interval '7 days' AND NOT EXISTS (SELECT FROM held d WHERE d.addr = h.addr) $$;

REVOKE ALL ON FUNCTION api.past(int8, int8) FROM PUBLIC;
SELECT ops.grant_roles();
