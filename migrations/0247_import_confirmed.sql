-- A look that was under way when a file was imported, and ended after, has confirmed nothing of it: it may have been at a host before.  What it had not
-- found was news at the next looks, as if a sensor had seen it.

-- Whether the last complete look until p_seen, of those that look at such things, began after p_at.  Where no proof of looks is kept (retention): yes.
CREATE FUNCTION inv.look_began(p_zone int4, p_addr inet, p_slot int4, p_attr int4, p_seen timestamptz, p_at timestamptz) RETURNS bool LANGUAGE sql STABLE AS $$
  SELECT COALESCE(max(c.from_at) > p_at, true) FROM inv.coverage c JOIN inv.profile p USING (profile_id) LEFT JOIN inv.script_set x ON x.set_id = c.set_id
   WHERE c.block_id = ANY(inv.blocks_of(p_zone, p_addr)) AND c.at > p_at AND c.at <= p_seen AND c.complete AND c.scope IS NULL
     AND CASE WHEN p_attr >= 100 THEN p_attr = ANY(x.attrs) WHEN p_attr = 10 THEN p.kind = 'ports' AND p.slots @> p_slot
              WHEN p_attr = 11 THEN p.kind = 'services' ELSE p.kind IN ('presence', 'ports') END $$;

-- As in 0215 but for that.
CREATE OR REPLACE FUNCTION inv.imports_are_no_news() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
DECLARE v_noted timestamptz; v_told timestamptz; v_seen timestamptz; v_import bool;   -- told: when a file was imported, if that is known
BEGIN
  IF EXISTS (SELECT FROM profile p WHERE p.profile_id = NEW.profile_id AND p.name = '(import)') THEN
    NEW.news := false;
  ELSIF NEW.old_value IS NOT NULL THEN
    SELECT c.noted_at, p.name = '(import)' INTO v_noted, v_import FROM change c LEFT JOIN profile p ON p.profile_id = c.profile_id
     WHERE c.zone_id = NEW.zone_id AND c.addr = NEW.addr AND c.at = NEW.old_since AND c.slot = NEW.slot AND c.attr_id = NEW.attr_id AND c.new_value IS NOT NULL
     LIMIT 1;
    IF NOT FOUND THEN
      v_noted := NEW.old_since;
      v_import := EXISTS (SELECT FROM profile p JOIN horizon h ON h.zone_id = p.zone_id
                           WHERE p.zone_id = NEW.zone_id AND p.name = '(import)' AND NEW.old_since < GREATEST(h.since, h.scripts));
    ELSIF v_import THEN
      v_told := v_noted;
    END IF;
    IF v_import THEN
      v_seen := CASE WHEN NEW.new_value IS NULL THEN NEW.seen_at WHEN NEW.attr_id >= 11 THEN last_look(NEW.zone_id, NEW.addr, NEW.slot, NEW.attr_id) END;
      NEW.news := COALESCE(v_seen > v_noted, false) AND (v_told IS NULL OR look_began(NEW.zone_id, NEW.addr, NEW.slot, NEW.attr_id, v_seen, v_told))
        -- (who it is was not looked at by a pass that had no MAC address; and scripts, too, tell services)
        OR NEW.new_value IS NOT NULL AND NEW.attr_id < 100
           AND EXISTS (SELECT FROM schedule s WHERE s.block_id = ANY(blocks_of(NEW.zone_id, NEW.addr)) AND s.profile_id = NEW.profile_id
                          AND s.last_at > v_noted AND (v_told IS NULL OR s.last_from > v_told));
    END IF;
  END IF;
  RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION inv.look_began(int4, inet, int4, int4, timestamptz, timestamptz) FROM PUBLIC;
SELECT ops.grant_roles();
