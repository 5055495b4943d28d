-- Serial numbers of industrial devices tell them apart.
INSERT INTO inv.key_path(script, path, kind, word) VALUES
  ('enip-info', '$.serialNumber', 10, 'serialNumber'), ('s7-info', '$."Serial Number"', 10, 'Serial Number'),
  ('bacnet-info', '$."Object-identifier"', 8, 'Object-identifier')
ON CONFLICT DO NOTHING;
