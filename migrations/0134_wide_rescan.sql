-- A rescan of a part of a network of IPv6 that is too wide to be swept: of more than 256 addresses, those are asked that a visit of all of it would
-- ask there (api.past), as to list the others could take for ever.

CREATE FUNCTION inv.known_there(p_zone int4, p_lo inet, p_hi inet) RETURNS SETOF inet LANGUAGE sql STABLE AS $$
  SELECT o.addr FROM inv.fact_now o
   WHERE o.zone_id = p_zone AND o.addr BETWEEN p_lo AND p_hi AND o.slot = 0 AND o.attr_id = 0
     AND (EXISTS (SELECT FROM inv.fact_now h WHERE h.zone_id = o.zone_id AND h.addr = o.addr AND h.slot = 0 AND h.attr_id = 1)
          OR EXISTS (SELECT FROM inv.change c WHERE c.zone_id = o.zone_id AND c.addr = o.addr AND c.at > now() - interval '7 days'
                        AND c.slot = 0 AND c.attr_id = 1))
   UNION
  SELECT h.addr FROM inv.heard h
   WHERE h.zone_id = p_zone AND h.addr BETWEEN p_lo AND p_hi AND h.last_at > now() - interval '7 days' $$;

-- M0001: more than 256 addresses of a wide network, and none of them is known.
CREATE OR REPLACE FUNCTION api.rescan(p_zone text, p_lo inet, p_hi inet) RETURNS int4
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
DECLARE v_due int4; v_unknown bool;
BEGIN
  WITH part AS (
    SELECT b.block_id, p_lo <= b.lo AND p_hi >= b.hi AS whole, GREATEST(b.lo, p_lo) AS lo, LEAST(b.hi, p_hi) AS hi, b.zone_id, is_wide(b.lo, b.hi) AS wide
      FROM block b JOIN zone z USING (zone_id)
     WHERE b.lo <= p_hi AND b.hi >= p_lo AND (p_zone IS NULL OR z.name = p_zone)
       AND EXISTS (SELECT FROM schedule s WHERE s.block_id = b.block_id AND s.retired_at IS NULL)),
  hit AS MATERIALIZED (
    SELECT q.block_id, q.whole, CASE WHEN q.whole THEN '{}'
             WHEN CASE WHEN q.wide THEN q.lo + 255 < q.hi ELSE false END THEN ARRAY(SELECT k FROM known_there(q.zone_id, q.lo, q.hi) k)
             ELSE ARRAY(SELECT q.lo + i FROM generate_series(0, q.hi - q.lo) i) END AS addrs
      FROM part q),
  u AS (
    UPDATE schedule s SET
           wanted_at = CASE WHEN h.whole THEN LEAST(s.wanted_at, now()) ELSE s.wanted_at END,
           due_at = CASE WHEN s.sensor_id IS NULL AND s.due_at < 'infinity' THEN LEAST(s.due_at, now()) ELSE s.due_at END,
           asked = CASE WHEN h.whole THEN s.asked ELSE ARRAY(SELECT unnest(s.asked) UNION SELECT unnest(h.addrs)) END
      FROM hit h WHERE h.block_id = s.block_id AND s.retired_at IS NULL AND (h.whole OR h.addrs <> '{}') RETURNING 1)
  SELECT (SELECT count(*) FROM u), EXISTS (SELECT FROM hit h WHERE NOT h.whole AND h.addrs = '{}') INTO v_due, v_unknown;
  IF v_due = 0 AND v_unknown THEN
    RAISE EXCEPTION 'no address from % to % is known, and a part of so wide a network is not swept; name the whole network, or at most 256 addresses',
      host(p_lo), host(p_hi) USING ERRCODE = 'M0001';
  END IF;
  RETURN v_due;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA inv FROM PUBLIC;
SELECT ops.grant_roles();
