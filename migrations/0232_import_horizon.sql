-- What has no row in the ledger may come from a file only where files were imported, and where its row is older than the ledger is kept: 0228 took
-- all of it for such.

-- As in 0228 but for that.
CREATE OR REPLACE FUNCTION inv.imports_are_no_news() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
DECLARE v_noted timestamptz; v_import bool;
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
    END IF;
    NEW.news := v_import IS NOT TRUE OR CASE
      WHEN NEW.new_value IS NULL THEN COALESCE(NEW.seen_at > v_noted, false)
      ELSE NEW.attr_id >= 11 AND COALESCE(last_look(NEW.zone_id, NEW.addr, NEW.slot, NEW.attr_id) > v_noted, false)
        -- (who it is was not looked at by a pass that had no MAC address; and scripts, too, tell services)
        OR NEW.attr_id < 100 AND EXISTS (SELECT FROM schedule s WHERE s.block_id = ANY(blocks_of(NEW.zone_id, NEW.addr)) AND s.profile_id = NEW.profile_id
                                            AND s.last_at > v_noted) END;
  END IF;
  RETURN NEW;
END $$;
