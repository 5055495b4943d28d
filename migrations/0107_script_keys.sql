-- The name that a host's own address points to by multicast DNS.
INSERT INTO inv.key_path(script, path, kind, word) VALUES ('mdns-device-info', '$.Name', 7, 'Name');
