-- Identifiers of Canon's printers and scanners.
INSERT INTO inv.key_path(script, path, kind, word) VALUES
  ('bjnp-discover', '$.Serial', 10, 'Serial'), ('bjnp-discover', '$."MAC address"', 1, 'MAC address');
