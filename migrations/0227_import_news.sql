-- What a file told and a sensor has confirmed since is news when it changes, also where a reload has cut the blocks anew or given the look to another
-- pass meanwhile; a look while its host was away has confirmed nothing.

-- As in 0215, but for which look it was that confirmed something: of scripts one that ran the script, in whatever block and by whatever pass.
CREATE OR REPLACE FUNCTION inv.imports_are_no_news() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
DECLARE v_noted timestamptz;
BEGIN
  IF EXISTS (SELECT FROM profile p WHERE p.profile_id = NEW.profile_id AND p.name = '(import)') THEN
    NEW.news := false;
  ELSIF NEW.old_value IS NOT NULL THEN
    SELECT c.noted_at INTO v_noted FROM change c JOIN profile p ON p.profile_id = c.profile_id
     WHERE c.zone_id = NEW.zone_id AND c.addr = NEW.addr AND c.at = NEW.old_since AND c.slot = NEW.slot AND c.attr_id = NEW.attr_id AND p.name = '(import)';
    NEW.news := NOT FOUND OR CASE
      WHEN NEW.new_value IS NULL THEN COALESCE(NEW.seen_at > v_noted, false)
      ELSE NEW.attr_id >= 11 AND COALESCE(last_look(NEW.zone_id, NEW.addr, NEW.slot, NEW.attr_id) > v_noted, false)
        -- (who it is was not looked at by a pass that had no MAC address; and scripts, too, tell services)
        OR NEW.attr_id < 100 AND EXISTS (SELECT FROM schedule s WHERE s.block_id = ANY(blocks_of(NEW.zone_id, NEW.addr)) AND s.profile_id = NEW.profile_id
                                            AND s.last_at > v_noted) END;
  END IF;
  RETURN NEW;
END $$;
