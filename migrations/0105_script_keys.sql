-- Identifiers in results of scripts for devices without a login: printers, media servers, gateways of buildings, what announces itself.
UPDATE inv.key_path SET word = 'UDN' WHERE script = 'upnp-info' AND word = '';
UPDATE inv.key_path SET word = 'id', path = '$.**.txt.id' WHERE script = 'dns-service-discovery' AND word = '';
INSERT INTO inv.key_path(script, path, kind, word) VALUES
  ('dns-service-discovery', '$.**.txt.uuid', 11, 'uuid'), ('dns-service-discovery', '$.**.txt.deviceid', 1, 'deviceid'),
  ('ipp-info', '$.UUID', 11, 'UUID'), ('ipp-info', '$.Serial', 10, 'Serial'), ('wsdd-discover', '$.**.endpoint', 11, 'endpoint'),
  ('knx-gateway-info', '$.**."Device serial"', 10, 'Device serial'), ('knx-gateway-info', '$.**."Device MAC address"', 1, 'Device MAC address');
