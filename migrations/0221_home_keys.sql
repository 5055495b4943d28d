-- What names devices of homes and their networks: hardware addresses, serial numbers and identifiers that they tell themselves.
INSERT INTO inv.key_path(script, path, kind, word) VALUES
  ('ubiquiti-discovery', '$.mac_addresses[*]', 1, 'mac_addresses'),
  ('roku-info', '$."Serial number"', 10, 'Serial number'), ('roku-info', '$.UDN', 11, 'UDN'),
  ('roku-info', '$."MAC address"', 1, 'MAC address'), ('roku-info', '$."Ethernet MAC address"', 1, 'Ethernet MAC address'),
  ('cast-info', '$."MAC address"', 1, 'MAC address'), ('cast-info', '$.UDN', 11, 'UDN'),
  ('hue-info', '$."Bridge id"', 11, 'Bridge id'), ('hue-info', '$."MAC address"', 1, 'MAC address'),
  ('shelly-info', '$."MAC address"', 1, 'MAC address'),
  ('sonos-info', '$."Serial number"', 10, 'Serial number'), ('sonos-info', '$."MAC address"', 1, 'MAC address'),
  ('sonos-info', '$.UDN', 11, 'UDN'),
  ('plex-info', '$."Machine identifier"', 11, 'Machine identifier'),
  ('kasa-info', '$."MAC address"', 1, 'MAC address'), ('kasa-info', '$."Device id"', 11, 'Device id'),
  ('onvif-info', '$."Serial number"', 10, 'Serial number');
-- How long they run is no news.
INSERT INTO inv.attr AS a (attr_id, kind, name, volatile)
SELECT nextval('inv.attr_id'), 'script', v.name, v.keys FROM (VALUES
  ('ubiquiti-discovery', ARRAY['uptime', 'uptime_seconds'])
) AS v(name, keys)
ON CONFLICT (kind, name) DO UPDATE SET volatile = ARRAY(SELECT k FROM unnest(a.volatile || excluded.volatile) WITH ORDINALITY AS u(k, n) GROUP BY k ORDER BY min(n));
