-- The signature of an AFP server stays with its machine.
INSERT INTO inv.key_path(script, path, kind, word) VALUES ('afp-serverinfo', '$."Server Signature"', 11, 'Server Signature');
