-- What a change says of a MAC address or a name is the value that it was or became, not what the host has today; and who holds an address is told by
-- its MAC address also where the device made that up (locally administered).
CREATE OR REPLACE FUNCTION inv.shown(p_kind text, p_value uuid, p_zone int4, p_addr inet, p_slot int4) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
BEGIN
  IF p_value IS NULL THEN
    RETURN NULL;
  ELSIF p_kind = 'script' THEN
    RETURN (SELECT jsonb_strip_nulls(jsonb_build_object('output', left(v.output, 4000),
              'data', CASE WHEN length(v.data::text) <= 8000 THEN v.data END)) FROM inv.value_script v WHERE v.value = p_value);
  ELSIF p_kind = 'service' THEN
    RETURN (SELECT jsonb_strip_nulls(to_jsonb(v) - 'value' - 'kept_at') FROM inv.value_service v WHERE v.value = p_value);
  ELSIF p_kind = 'port' THEN
    RETURN jsonb_strip_nulls(jsonb_build_object('state', 'open', 'service', (SELECT n.name FROM inv.port_name n WHERE n.slot = p_slot)));
  ELSIF p_kind = 'holder' THEN
    RETURN jsonb_strip_nulls(jsonb_build_object('asset', p_value,
             'mac', COALESCE((SELECT string_agg(k.key, ' ' ORDER BY k.key) FROM inv.asset_key k WHERE k.asset_id = p_value AND k.kind = 1),
                             -- of those that a device made up over time the last one
                             (SELECT k.key FROM inv.asset_key k WHERE k.asset_id = p_value AND k.kind = 2 ORDER BY k.until DESC, k.since DESC LIMIT 1))));
  ELSIF p_kind = 'text' THEN                                  -- a name has no colon
    RETURN (SELECT jsonb_build_object(CASE WHEN t.body LIKE '%:%' THEN 'mac' ELSE 'hostname' END, t.body) FROM inv.value_text t WHERE t.value = p_value);
  END IF;
  RETURN (SELECT jsonb_strip_nulls(jsonb_build_object('state', 'up',
            'mac', (SELECT t.body FROM inv.fact_now f JOIN inv.value_text t USING (value)
                     WHERE (f.zone_id, f.addr, f.slot, f.attr_id) = (p_zone, p_addr, 0, 2)),
            'hostname', (SELECT t.body FROM inv.fact_now f JOIN inv.value_text t USING (value)
                          WHERE (f.zone_id, f.addr, f.slot, f.attr_id) = (p_zone, p_addr, 0, 3)),
            'asset', (SELECT f.value FROM inv.fact_now f WHERE (f.zone_id, f.addr, f.slot, f.attr_id) = (p_zone, p_addr, 0, 0)),
            'vendor', n.vendor, 'reason', n.reason))
            FROM (SELECT 1) one LEFT JOIN inv.host_note n ON n.zone_id = p_zone AND n.addr = p_addr);
END $$;
