-- Where each engine listens, and how that goes: written at each change and once a minute.
CREATE TABLE inv.listener (
  sensor_id   int4 NOT NULL REFERENCES inv.sensor,
  interface   text NOT NULL,
  up          bool NOT NULL,
  promiscuous bool NOT NULL,
  why         text,                         -- it is down
  since       timestamptz NOT NULL,         -- of this state
  noted_at    timestamptz NOT NULL,
  frames int8 NOT NULL, bad int8 NOT NULL, told int8 NOT NULL, limited int8 NOT NULL, drops int8 NOT NULL,
  CONSTRAINT listener_pk PRIMARY KEY (sensor_id, interface)
) WITH (fillfactor = 50);

-- All listeners of an engine: [{"interface", "up", "promiscuous", "why", "frames", "bad", "told", "limited", "drops"}].
CREATE FUNCTION api.listening(p_sensor int4, p_listeners jsonb) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  DELETE FROM listener l WHERE l.sensor_id = p_sensor
     AND NOT EXISTS (SELECT FROM jsonb_array_elements(p_listeners) e WHERE e ->> 'interface' = l.interface);
  INSERT INTO listener AS l (sensor_id, interface, up, promiscuous, why, since, noted_at, frames, bad, told, limited, drops)
  SELECT p_sensor, e.interface, e.up, e.promiscuous, e.why, now(), now(), e.frames, e.bad, e.told, e.limited, e.drops
    FROM jsonb_to_recordset(p_listeners) AS e(interface text, up bool, promiscuous bool, why text, frames int8, bad int8, told int8,
                                              limited int8, drops int8)
  ON CONFLICT ON CONSTRAINT listener_pk DO UPDATE
     SET up = excluded.up, promiscuous = excluded.promiscuous, why = excluded.why, noted_at = excluded.noted_at,
         since = CASE WHEN l.up = excluded.up THEN l.since ELSE excluded.since END,
         frames = excluded.frames, bad = excluded.bad, told = excluded.told, limited = excluded.limited, drops = excluded.drops $$;

CREATE VIEW report.listener AS
SELECT s.name AS sensor, l.interface, l.up, l.why, l.since, l.promiscuous, l.frames, l.bad AS malformed, l.told AS sightings,
       l.limited, l.drops, l.noted_at
  FROM inv.listener l JOIN inv.sensor s USING (sensor_id);
COMMENT ON VIEW report.listener IS 'interfaces on which the engines listen for what devices say unasked';
COMMENT ON COLUMN report.listener.sensor IS 'name of the engine';
COMMENT ON COLUMN report.listener.interface IS 'network interface of the engine''s machine';
COMMENT ON COLUMN report.listener.up IS 'it hears';
COMMENT ON COLUMN report.listener.why IS 'why it does not hear; NULL while it does';
COMMENT ON COLUMN report.listener.since IS 'since when it does or does not';
COMMENT ON COLUMN report.listener.promiscuous IS 'it hears all that passes, not only what is sent to groups and to the machine';
COMMENT ON COLUMN report.listener.frames IS 'frames of the listened protocols since the engine began to listen';
COMMENT ON COLUMN report.listener.malformed IS 'of these, malformed ones';
COMMENT ON COLUMN report.listener.sightings IS 'of these, those that said something new';
COMMENT ON COLUMN report.listener.limited IS 'of these, those left out because there were too many a second';
COMMENT ON COLUMN report.listener.drops IS 'frames that were lost before they were looked at';
COMMENT ON COLUMN report.listener.noted_at IS 'when the engine said so';

CREATE VIEW report.heard AS
SELECT z.name AS zone, h.addr AS address, h.source, h.first_at AS first_heard, h.last_at AS last_heard,
       EXISTS (SELECT FROM inv.fact_now f WHERE (f.zone_id, f.addr, f.slot, f.attr_id) = (h.zone_id, h.addr, 0, 1)) AS answers,
       (SELECT string_agg(e.key, ' ' ORDER BY e.last_at DESC) FROM inv.evidence e
         WHERE e.zone_id = h.zone_id AND e.addr = h.addr AND e.kind = 'mac') AS macs
  FROM inv.heard h JOIN inv.zone z USING (zone_id);
COMMENT ON VIEW report.heard IS 'addresses that were heard on a link, whether they answer probes or not';
COMMENT ON COLUMN report.heard.zone IS 'routing domain';
COMMENT ON COLUMN report.heard.address IS 'the address that was heard, or asked for';
COMMENT ON COLUMN report.heard.source IS 'protocol of the latest sighting that was written down';
COMMENT ON COLUMN report.heard.first_heard IS 'when it was heard first';
COMMENT ON COLUMN report.heard.last_heard IS 'when it was heard last: exact to seconds while it does not answer, else to a day';
COMMENT ON COLUMN report.heard.answers IS 'it answers probes: the inventory holds it as present';
COMMENT ON COLUMN report.heard.macs IS 'MAC addresses that spoke for it, the latest first';

CREATE VIEW report.said AS
SELECT z.name AS zone, e.addr AS address, NULL::macaddr AS mac, e.kind, e.key AS said, e.source, e.first_at AS first_said, e.last_at AS last_said
  FROM inv.evidence e JOIN inv.zone z USING (zone_id)
UNION ALL
SELECT z.name, NULL, e.mac, e.kind, e.key, e.source, e.first_at, e.last_at FROM inv.link_evidence e JOIN inv.zone z USING (zone_id);
COMMENT ON VIEW report.said IS 'what devices were heard to say of themselves';
COMMENT ON COLUMN report.said.zone IS 'routing domain';
COMMENT ON COLUMN report.said.address IS 'who said it; NULL: it spoke without an address of the zone';
COMMENT ON COLUMN report.said.mac IS 'who said it, where the address is not known';
COMMENT ON COLUMN report.said.kind IS 'protocol and what: mac, dhcp-hostname, lldp-port, mdns-model, role ...';
COMMENT ON COLUMN report.said.said IS 'the words themselves';
COMMENT ON COLUMN report.said.source IS 'protocol that said it last';
COMMENT ON COLUMN report.said.first_said IS 'when it was said first';
COMMENT ON COLUMN report.said.last_said IS 'when it was said last, exact to a day';

REVOKE ALL ON FUNCTION api.listening(int4, jsonb) FROM PUBLIC;
DO $$ BEGIN PERFORM ops.grant_roles(); END $$;
