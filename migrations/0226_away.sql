-- A look at a block while a host was away saw nothing of what is on it: a doubt about a port or a result of a host that was back since told the time of
-- such a look as when it was seen last, and as when it was last confirmed where it ended.

-- The end of the last complete look at something, in whatever block its address was; of what is on a host: of one that was there then.
CREATE OR REPLACE FUNCTION inv.last_look(p_zone int4, p_addr inet, p_slot int4, p_attr int4) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
DECLARE v timestamptz; v_there timestamptz;
BEGIN
  IF p_attr >= 100 THEN
    v := (SELECT max(r.last_at) FROM inv.schedule q
            CROSS JOIN LATERAL (SELECT q.last_set AS set_id, q.last_at UNION ALL
                                SELECT l.set_id, l.last_at FROM inv.former_set l WHERE l.schedule_id = q.schedule_id) r
            JOIN inv.script_set x ON x.set_id = r.set_id
           WHERE q.kind = 'scripts' AND q.block_id = ANY(inv.blocks_of(p_zone, p_addr)) AND p_attr = ANY(x.attrs));
  ELSE
    v := (SELECT max(q.last_at) FROM inv.schedule q JOIN inv.profile p USING (profile_id)
           WHERE q.block_id = ANY(inv.blocks_of(p_zone, p_addr))
             AND CASE p_attr WHEN 10 THEN p.kind = 'ports' AND p.slots @> p_slot WHEN 11 THEN p.kind = 'services' ELSE p.kind IN ('presence', 'ports') END);
  END IF;
  IF p_attr > 1 THEN
    v_there := (SELECT h.since FROM inv.fact_now h WHERE h.zone_id = p_zone AND h.addr = p_addr AND h.slot = 0 AND h.attr_id = 1);
    IF v_there > v THEN                                       -- as report.service has it
      v := LEAST(v, (SELECT COALESCE(x.seen_at, x.at) FROM inv.change x WHERE x.zone_id = p_zone AND x.addr = p_addr AND x.attr_id = 1 AND x.new_value IS NULL
                      ORDER BY x.at DESC LIMIT 1));
    END IF;
  END IF;
  RETURN v;
END $$;
