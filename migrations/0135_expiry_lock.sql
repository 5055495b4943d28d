-- Hosts that have been gone for long expire behind the lock that the visits of their block take (api.apply_visit): a host that comes back meanwhile
-- would lose its holder and its ports while its mark says that they are there.  A block that is being written waits for the next call: to wait here
-- with the locks of other blocks held could be a deadlock.
CREATE OR REPLACE FUNCTION ops.expire_absent(p_before timestamptz, p_n int4) RETURNS int4 LANGUAGE plpgsql AS $$
DECLARE b record; v int4; n int4 := 0;
BEGIN
  FOR b IN SELECT q.block_id, q.zone_id, q.lo, q.hi FROM inv.block q WHERE EXISTS (
             SELECT FROM inv.fact_now o WHERE o.zone_id = q.zone_id AND o.addr BETWEEN q.lo AND q.hi AND o.slot = 0 AND o.attr_id = 0 AND o.since < p_before
                AND NOT EXISTS (SELECT FROM inv.fact_now h WHERE h.zone_id = o.zone_id AND h.addr = o.addr AND h.attr_id = 1)) ORDER BY q.block_id
  LOOP
    CONTINUE WHEN NOT pg_try_advisory_xact_lock(731086874, b.block_id);
    WITH dead AS MATERIALIZED (
      SELECT o.addr FROM inv.fact_now o
       WHERE o.zone_id = b.zone_id AND o.addr BETWEEN b.lo AND b.hi AND o.slot = 0 AND o.attr_id = 0 AND o.since < p_before
         AND NOT EXISTS (SELECT FROM inv.fact_now h WHERE h.zone_id = o.zone_id AND h.addr = o.addr AND h.attr_id = 1)
         AND COALESCE((SELECT c.noted_at FROM inv.change c WHERE c.zone_id = o.zone_id AND c.addr = o.addr AND c.slot = 0 AND c.attr_id = 1 AND c.new_value IS NULL
                        ORDER BY c.at DESC LIMIT 1), o.since) < p_before
       LIMIT p_n - n),
    gone AS (DELETE FROM inv.fact_now f USING dead d WHERE f.zone_id = b.zone_id AND f.addr = d.addr RETURNING f.*),
    told AS (INSERT INTO inv.change(at, old_since, zone_id, slot, attr_id, profile_id, cause, news, addr, old_value)
             SELECT GREATEST(now(), since + interval '1 microsecond'), since, zone_id, slot, attr_id, 0, 'x', false, addr, value FROM gone),
    place AS (DELETE FROM inv.asset_place l USING dead d WHERE l.zone_id = b.zone_id AND l.addr = d.addr),
    covered AS (DELETE FROM inv.host_covered l USING dead d WHERE l.zone_id = b.zone_id AND l.addr = d.addr),
    noted AS (DELETE FROM inv.host_note l USING dead d WHERE l.zone_id = b.zone_id AND l.addr = d.addr),
    doubted AS (DELETE FROM inv.doubt l USING dead d WHERE l.zone_id = b.zone_id AND l.addr = d.addr)
    SELECT count(*) INTO v FROM dead;
    n := n + v;
    EXIT WHEN n >= p_n;
  END LOOP;
  RETURN n;
END $$;
