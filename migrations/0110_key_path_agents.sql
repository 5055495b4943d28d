-- What the checks of agents, clusters and virtual machines call identity, and where it stands in their results.
INSERT INTO inv.key_path(script, path, kind, word) VALUES
  ('zabbix-agent-info', '$."agent.hostname"', 8, 'agent.hostname'),
  ('riak-http-info', '$."Node name"', 8, 'Node name'),
  ('vmware-version', '$."Instance UUID"', 11, 'Instance UUID');
