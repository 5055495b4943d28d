-- The outbox costs little in the transaction of the diff: values are looked up in the statement itself, where a function for each would cost
-- more than all the rest; the shape of events stays.
CREATE OR REPLACE FUNCTION inv.event_id() RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT 'evt_' || lpad(to_hex((EXTRACT(epoch FROM clock_timestamp()) * 1000)::int8), 12, '0') || encode(substr(uuid_send(gen_random_uuid()), 5), 'hex') $$;

-- In PL/pgSQL: as SQL it is too large to be inlined, and would be started anew for each event, at several times its cost.
CREATE OR REPLACE FUNCTION inv.sentence(p_type text, p_host text, p_port text, p_script text, p_old jsonb, p_new jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE v_old text; v_new text;
BEGIN
  CASE p_type
    WHEN 'host.appeared', 'host.returned' THEN
      RETURN p_host || CASE p_type WHEN 'host.appeared' THEN ' appeared' ELSE ' is back' END
        || COALESCE(' (' || NULLIF(concat_ws(', ', p_new ->> 'hostname', p_new ->> 'mac', p_new ->> 'vendor'), '') || ')', '');
    WHEN 'host.gone' THEN RETURN p_host || ' is gone';
    WHEN 'host.replaced' THEN
      RETURN p_host || ' is another device now' || COALESCE(': ' || (p_old ->> 'mac') || ' before, ' || (p_new ->> 'mac') || ' now', '');
    WHEN 'port.opened' THEN RETURN p_port || ' opened on ' || p_host || COALESCE(' (' || (p_new ->> 'service') || ')', '');
    WHEN 'port.closed' THEN RETURN p_port || ' closed on ' || p_host || COALESCE(' (' || (p_old ->> 'service') || ')', '');
    WHEN 'service.changed' THEN
      RETURN 'the service on ' || p_port || ' of ' || p_host || ' changed'
        || COALESCE(' from ' || concat_ws(' ', p_old ->> 'name', p_old ->> 'product', p_old ->> 'version')
                    || ' to ' || concat_ws(' ', p_new ->> 'name', p_new ->> 'product', p_new ->> 'version'), '');
    ELSE
      v_old := inv.gist(p_old);
      v_new := inv.gist(p_new);
      RETURN p_script || COALESCE(' of ' || p_port, '') || ' on ' || p_host || CASE
        WHEN p_old IS NULL THEN ' appeared' || COALESCE(': ' || v_new, '')
        WHEN p_new IS NULL THEN ' is gone' || COALESCE(': ' || v_old || ' before', '')
        ELSE ' changed' || COALESCE(CASE WHEN v_old <> v_new THEN ' from ' || v_old || ' to ' || v_new END, '') END;
  END CASE;
END $$;

-- One event for each of these ledger rows.
CREATE OR REPLACE FUNCTION inv.tell(p_changes int8[]) RETURNS int4 LANGUAGE plpgsql AS $$
DECLARE v_n int4;
BEGIN
  INSERT INTO alert.event(id, observed_at, type, severity, zone, subject, dedup, body)
  SELECT inv.event_id(), q.at, q.type, q.severity, q.zone, q.subject, q.dedup,
         jsonb_build_object('severity', (ARRAY['debug', 'info', 'warning', 'high', 'critical'])[q.severity + 1],
           'state', CASE WHEN q.type IN ('host.returned', 'port.closed') THEN 'resolved' ELSE 'firing' END,
           'dedup_key', q.dedup, 'zone', q.zone,
           'subject', jsonb_strip_nulls(jsonb_build_object('kind', q.about, 'host', q.host,
              'proto', q.proto, 'port', q.port, 'script', q.script)),
           'summary', inv.sentence(q.type, q.host, q.proto || '/' || q.port, q.script, q.old, q.new),
           'old', q.old, 'new', q.new, 'labels', '{}'::jsonb, 'first_seen', COALESCE(q.old_since, q.at))
    FROM (
      SELECT e.*, COALESCE(t.severity, 1) AS severity,
             encode(sha256(convert_to(e.zone || ' ' || e.subject || ' ' || e.about, 'UTF8')), 'hex') AS dedup
        FROM (
          SELECT c.change_id, c.at, c.old_since, z.name AS zone, host(c.addr) AS host, inv.protocol(c.slot) AS proto,
                 CASE WHEN c.slot <> 0 THEN c.slot & 65535 END AS port, CASE WHEN a.kind = 'script' THEN a.name END AS script,
                 CASE a.kind WHEN 'presence' THEN 'host' WHEN 'holder' THEN 'host' ELSE a.kind END AS about,
                 'host/' || host(c.addr) || COALESCE('/' || inv.protocol(c.slot) || '/' || (c.slot & 65535), '')
                   || CASE WHEN a.kind = 'script' THEN '/' || a.name ELSE '' END AS subject,
                 CASE a.kind
                   WHEN 'presence' THEN CASE c.cause WHEN 'o' THEN 'host.appeared' WHEN 'b' THEN 'host.returned' ELSE 'host.gone' END
                   WHEN 'holder' THEN 'host.replaced'
                   WHEN 'port' THEN CASE WHEN c.old_value IS NULL THEN 'port.opened' ELSE 'port.closed' END
                   ELSE COALESCE(a.noun, a.kind) || CASE WHEN c.old_value IS NULL THEN '.appeared' WHEN c.new_value IS NULL THEN '.gone' ELSE '.changed' END
                 END AS type,
                 CASE WHEN c.old_value IS NULL THEN NULL ELSE CASE a.kind
                   WHEN 'script' THEN (SELECT jsonb_strip_nulls(jsonb_build_object('output', left(v.output, 4000), 'data',
                     CASE WHEN length(v.data::text) <= 8000 THEN v.data END)) FROM inv.value_script v WHERE v.value = c.old_value)
                   WHEN 'service' THEN (SELECT jsonb_strip_nulls(to_jsonb(v) - 'value' - 'kept_at') FROM inv.value_service v WHERE v.value = c.old_value)
                   ELSE inv.shown(a.kind, c.old_value, c.zone_id, c.addr, c.slot) END END AS old,
                 CASE WHEN c.new_value IS NULL THEN NULL ELSE CASE a.kind
                   WHEN 'script' THEN (SELECT jsonb_strip_nulls(jsonb_build_object('output', left(v.output, 4000), 'data',
                     CASE WHEN length(v.data::text) <= 8000 THEN v.data END)) FROM inv.value_script v WHERE v.value = c.new_value)
                   WHEN 'service' THEN (SELECT jsonb_strip_nulls(to_jsonb(v) - 'value' - 'kept_at') FROM inv.value_service v WHERE v.value = c.new_value)
                   ELSE inv.shown(a.kind, c.new_value, c.zone_id, c.addr, c.slot) END END AS new
            FROM inv.change c JOIN inv.attr a USING (attr_id) JOIN inv.zone z USING (zone_id)
           WHERE c.tx = pg_current_xact_id() AND c.change_id = ANY(p_changes)) e
        LEFT JOIN alert.type t ON t.type = e.type
       ORDER BY e.change_id) q;
  GET DIAGNOSTICS v_n = ROW_COUNT;
  RETURN v_n;
END $$;
