-- What an event says is put together in the transaction of the change, so it has to be quick: as SQL functions inv.shown() and
-- inv.sentence() were planned anew in each call, and, inlined, evaluated their arguments once for each place where they stand.  The same
-- answers from PL/pgSQL, which keeps its plans and evaluates only the branch that is needed.

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
             'mac', (SELECT string_agg(k.key, ' ' ORDER BY k.key) FROM inv.asset_key k WHERE k.asset_id = p_value AND k.kind = 1)));
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

CREATE OR REPLACE FUNCTION inv.sentence(p_type text, p_host text, p_port text, p_script text, p_old jsonb, p_new jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE v_old text; v_new text; v_what text;
BEGIN
  IF p_type IN ('host.appeared', 'host.returned') THEN
    RETURN p_host || CASE p_type WHEN 'host.appeared' THEN ' appeared' ELSE ' is back' END
      || COALESCE(' (' || NULLIF(concat_ws(', ', p_new ->> 'hostname', p_new ->> 'mac', p_new ->> 'vendor'), '') || ')', '');
  ELSIF p_type = 'host.gone' THEN
    RETURN p_host || ' is gone';
  ELSIF p_type = 'host.replaced' THEN
    RETURN p_host || ' is another device now' || COALESCE(': ' || (p_old ->> 'mac') || ' before, ' || (p_new ->> 'mac') || ' now', '');
  ELSIF p_type = 'port.opened' THEN
    RETURN p_port || ' opened on ' || p_host || COALESCE(' (' || (p_new ->> 'service') || ')', '');
  ELSIF p_type = 'port.closed' THEN
    RETURN p_port || ' closed on ' || p_host || COALESCE(' (' || (p_old ->> 'service') || ')', '');
  ELSIF p_type = 'service.changed' THEN
    RETURN 'the service on ' || p_port || ' of ' || p_host || ' changed'
      || COALESCE(' from ' || concat_ws(' ', p_old ->> 'name', p_old ->> 'product', p_old ->> 'version')
                  || ' to ' || concat_ws(' ', p_new ->> 'name', p_new ->> 'product', p_new ->> 'version'), '');
  END IF;
  v_what := p_script || COALESCE(' of ' || p_port, '') || ' on ' || p_host;
  v_old := inv.gist(p_old);
  v_new := inv.gist(p_new);
  IF p_old IS NULL THEN
    RETURN v_what || ' appeared' || COALESCE(': ' || v_new, '');
  ELSIF p_new IS NULL THEN
    RETURN v_what || ' is gone' || COALESCE(': ' || v_old || ' before', '');
  END IF;
  RETURN v_what || ' changed' || COALESCE(CASE WHEN v_old <> v_new THEN ' from ' || v_old || ' to ' || v_new END, '');
END $$;
