-- The inventory as it was, in blocks of IPv6 that are too wide to be swept.

-- A block of 2^24 addresses and more is one, whatever its size (service/store/blocks.c); every other has at most 256.
CREATE FUNCTION inv.is_wide(p_lo inet, p_hi inet) RETURNS bool LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN family(p_lo) = 6 THEN p_lo + 16777216::int8 <= p_hi ELSE false END $$;

-- As before, but a wide block is found by every net in which an address had a holder at that time.
CREATE OR REPLACE FUNCTION inv.looks_then(p_zone int4, p_t timestamptz, p_kinds text[], p_addr inet)
RETURNS TABLE (net cidr, lo inet, hi inet, slots int4multirange, last_at timestamptz, fresh bool)
LANGUAGE plpgsql STABLE ROWS 2000 SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  IF p_addr IS NOT NULL THEN                                  -- every block that is given has this address in it
    RETURN QUERY SELECT inv.net_of(p_addr), w.lo, w.hi, w.slots, w.last_at, w.fresh FROM inv.looked_then(p_zone, p_t, p_kinds, p_addr) w;
    RETURN;
  END IF;
  RETURN QUERY SELECT n.net, w.lo, w.hi, w.slots, w.last_at, w.fresh
    FROM inv.looked_then(p_zone, p_t, p_kinds, NULL) w,
         LATERAL (SELECT inv.net_of(w.lo) AS net UNION SELECT inv.net_of(w.hi)) n;
  IF EXISTS (SELECT FROM inv.block b WHERE b.zone_id = p_zone AND inv.is_wide(b.lo, b.hi)) THEN
    RETURN QUERY
    WITH w AS MATERIALIZED (SELECT * FROM inv.looked_then(p_zone, p_t, p_kinds, NULL) w WHERE inv.is_wide(w.lo, w.hi)),
    n AS (
      SELECT DISTINCT b.lo, b.hi, inv.net_of(a.addr) AS net FROM (SELECT DISTINCT lo, hi FROM w) b, LATERAL (
        SELECT f.addr FROM inv.fact_now f
         WHERE f.zone_id = p_zone AND f.addr BETWEEN b.lo AND b.hi AND f.since <= p_t AND f.slot = 0 AND f.attr_id = 0
        UNION ALL
        SELECT c.addr FROM inv.change c
         WHERE c.zone_id = p_zone AND c.addr BETWEEN b.lo AND b.hi AND c.at > p_t AND c.old_since <= p_t AND c.slot = 0 AND c.attr_id = 0) a)
    SELECT n.net, w.lo, w.hi, w.slots, w.last_at, w.fresh
      FROM w JOIN n ON n.lo = w.lo AND n.hi = w.hi AND n.net NOT IN (inv.net_of(w.lo), inv.net_of(w.hi));
  END IF;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA inv FROM PUBLIC;
SELECT ops.grant_roles();
