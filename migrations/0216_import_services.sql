-- What a file says of a port, no pass says: one of services that does not find it ends it, as if it had found it itself.  (The pass of imports
-- is one of ports, and what another kind of pass has found is not for services to judge.)
CREATE OR REPLACE FUNCTION inv.probed_by(p_zone int4, p_addr inet, p_slot int4, p_since timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT COALESCE((SELECT CASE WHEN p.name = '(import)' THEN 'services' ELSE p.kind END FROM inv.change c JOIN inv.profile p USING (profile_id)
                    WHERE c.zone_id = p_zone AND c.addr = p_addr AND c.at = p_since AND c.slot = p_slot AND c.attr_id = 11 AND c.new_value IS NOT NULL LIMIT 1),
                  'services') $$;
