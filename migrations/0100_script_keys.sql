-- Where scripts that tell NTLM's names, and Cassandra's, put what identifies a machine.
UPDATE inv.key_path SET word = 'DNS_Computer_Name' WHERE script = 'rdp-ntlm-info' AND word = '';
INSERT INTO inv.key_path(script, path, kind, word) VALUES
  ('http-ntlm-info', '$."DNS_Computer_Name"', 8, 'DNS_Computer_Name'), ('smtp-ntlm-info', '$."DNS_Computer_Name"', 8, 'DNS_Computer_Name'),
  ('imap-ntlm-info', '$."DNS_Computer_Name"', 8, 'DNS_Computer_Name'), ('pop3-ntlm-info', '$."DNS_Computer_Name"', 8, 'DNS_Computer_Name'),
  ('nntp-ntlm-info', '$."DNS_Computer_Name"', 8, 'DNS_Computer_Name'), ('telnet-ntlm-info', '$."DNS_Computer_Name"', 8, 'DNS_Computer_Name'),
  ('ms-sql-ntlm-info', '$."DNS_Computer_Name"', 8, 'DNS_Computer_Name'), ('cassandra-info', '$."Host ID"', 11, 'Host ID');
