-- Serial numbers, addresses and hardware addresses that devices of the field and of homes tell of themselves.
INSERT INTO inv.key_path(script, path, kind, word) VALUES
  ('dnp3-info', '$."Serial number"', 10, 'Serial number'), ('hartip-info', '$."Unique address"', 10, 'Unique address'),
  ('tasmota-info', '$."MAC address"', 1, 'MAC address');
