-- What of a script's structured output changes without meaning, as the scripts themselves declare it (`volatile`, docs/scripts.md);
-- '*' stands for the whole result.  Nmap's scripts of the same names put out the same keys.
INSERT INTO inv.attr (attr_id, kind, name, volatile)
SELECT nextval('inv.attr_id'), 'script', v.name, v.keys FROM (VALUES
  ('bitcoin-info', ARRAY['Timestamp', 'Node Id', 'Lastblock']),
  ('ftp-syst', ARRAY['STAT']),
  ('http-apache-server-status', ARRAY['Server Uptime', 'Server Load', 'Heading', 'VHosts']),
  ('http-auth', ARRAY['nonce', 'opaque']),
  ('http-date', ARRAY['date', 'delta']),
  ('http-headers', ARRAY['*']),
  ('http-security-headers', ARRAY['Expires']),
  ('ldap-rootdse', ARRAY['currentTime', 'highestCommittedUSN']),
  ('memcached-info', ARRAY['Process ID', 'Uptime', 'Server time', 'Used CPU (user)', 'Used CPU (system)', 'Current connections', 'Total connections']),
  ('mysql-info', ARRAY['Thread ID', 'Salt']),
  ('nbstat', ARRAY['user']),
  ('ntp-info', ARRAY['receive time stamp', 'clock', 'peer', 'precision', 'rootdelay', 'rootdisp', 'reftime', 'offset', 'frequency', 'sys_jitter', 'clk_jitter', 'clk_wander', 'jitter', 'noise', 'stability', 'mintc', 'tc', 'refid', 'stratum', 'leap']),
  ('redis-info', ARRAY['Process ID', 'Used CPU (sys)', 'Used CPU (user)', 'Connected clients', 'Used memory', 'Client connections']),
  ('rpcinfo', ARRAY['port']),
  ('smb-os-discovery', ARRAY['date']),
  ('smb2-time', ARRAY['date']),
  ('snmp-info', ARRAY['snmpEngineTime']),
  ('snmp-interfaces', ARRAY['Traffic stats']),
  ('snmp-sysdescr', ARRAY['System uptime']),
  ('ssl-date', ARRAY['date', 'delta'])
) AS v(name, keys)
ON CONFLICT (kind, name) DO UPDATE SET volatile = excluded.volatile;
