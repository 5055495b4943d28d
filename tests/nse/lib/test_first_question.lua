-- What scripts make of a service that does not answer their first question: of one that was recognised
-- at an earlier visit (or by version detection) an error, which leaves the inventory as it was; where
-- only the port's number suggests it, nothing.
local test, check, fake = ...
local script, socket, web = require "support.script", require "support.socket", require "support.web"

local silent = {
  refused = nil,
  ended = function() end,
  silent = function(peer)
    peer:hang()
  end,
}

-- Script -> number, name of the service as it was recognised, more fields of the port.
local asked = {}
local function add(number, service, names, fields)
  for name in names:gmatch("%S+") do
    asked[name] = { number = number, service = service, fields = fields or {} }
  end
end

add(80, "http", [[hnap-info http-apache-server-status http-app-info http-auth http-config-backup http-cookie-flags
  http-cors http-date http-docker-registry http-enum http-exposed-files http-favicon http-generator
  http-git http-gitlab-info http-headers http-icon http-internal-ip-disclosure http-jenkins-info
  http-ls http-methods http-ntlm-info http-php-version http-robots.txt http-security-headers
  http-server-header http-svn-info http-title http-tomcat-info http-trace
  http-webdav-scan hue-info onvif-info shelly-info tasmota-info]])
add(8008, "http", "cast-info")
add(8060, "http", "roku-info")
add(1400, "http", "sonos-info")
add(32400, "http", "plex-info")
add(8080, "http-proxy", "http-open-proxy", { ends = true })
add(8500, "http", "consul-info")
add(5984, "http", "couchdb-databases couchdb-stats")
add(2375, "docker", "docker-version")
add(9200, "http", "elasticsearch-info")
add(2379, "http", "etcd-info")
add(3000, "http", "grafana-info")
add(8086, "http", "influxdb-info")
add(6443, "http", "kubernetes-info")
add(9090, "http", "prometheus-info")
add(8098, "http", "riak-http-info")
add(443, "https", "vmware-version")

add(548, "afp", "afp-serverinfo")
add(8009, "ajp13", "ajp-headers ajp-methods")
add(5672, "amqp", "amqp-info")
add(22, "ssh", "banner")
add(8333, "bitcoin", "bitcoin-info")
add(9042, "cassandra", "cassandra-info")
add(3310, "clam", "clamd-info")
add(13, "daytime", "daytime")
add(104, "dicom", "dicom-ping")
add(2628, "dict", "dict-info")
add(50000, "drda", "drda-info")
add(44818, "EtherNet-IP-2", "enip-info")
add(4369, "epmd", "epmd-info")
add(79, "finger", "finger")
add(21, "ftp", "ftp-anon ftp-bounce ftp-syst")
add(8649, "ganglia", "ganglia-info")
add(70, "gopher", "gopher-ls")
add(7634, "hddtemp", "hddtemp-info")
add(143, "imap", "imap-capabilities imap-ntlm-info")
add(6667, "irc", "irc-info")
add(3260, "iscsi", "iscsi-info")
add(5005, "jdwp", "jdwp-version")
add(502, "modbus", "modbus-discover")
add(27017, "mongodb", "mongodb-databases mongodb-info")
add(1883, "mqtt", "mqtt-info")
add(3632, "distccd", "distcc-cve2004-2687", { ends = true })
add(11211, "memcached", "memcached-info")
add(1433, "ms-sql-s", "ms-sql-ntlm-info")
add(3306, "mysql", "mysql-info")
add(10809, "nbd", "nbd-info")
add(119, "nntp", "nntp-capabilities nntp-ntlm-info")
add(5666, "nrpe", "nrpe-info")
add(1521, "oracle-tns", "oracle-tns-version")
add(110, "pop3", "pop3-capabilities pop3-ntlm-info")
add(5432, "postgresql", "postgres-info")
add(1723, "pptp", "pptp-version")
add(3389, "ms-wbt-server", "rdp-ntlm-info")
add(6379, "redis", "redis-info")
add(1099, "java-rmi", "rmi-dumpregistry")
add(873, "rsync", "rsync-list-modules")
add(554, "rtsp", "rtsp-info rtsp-methods")
add(102, "iso-tsap", "s7-info")
add(1911, "fox", "fox-info")
add(1962, "pcworx", "pcworx-info")
add(2404, "iec-104", "iec-identify")
add(4840, "opcua-tcp", "opcua-info")
add(5094, "hart-ip", "hartip-info")
add(5007, "slmp", "slmp-info")
add(9600, "fins", "omron-info")
add(20000, "dnp", "dnp3-info")
add(34964, "profinet-cm", "profinet-cm-lookup", { protocol = "udp" })
add(9999, "tplink-kasa", "kasa-info")
add(25, "smtp", "smtp-commands smtp-ntlm-info")
add(23, "telnet", "telnet-encryption telnet-ntlm-info")
add(5900, "vnc", "vnc-info")
add(6000, "X11", "x11-access")
add(5222, "xmpp-client", "xmpp-info")
add(3551, "apcupsd", "apcupsd-info")
add(9418, "git", "git-daemon-info")
add(7687, "bolt", "bolt-info")
add(2947, "gpsd", "gpsd-info")
add(9092, "kafka", "kafka-info")
add(88, "kerberos-sec", "kerberos-info")
add(25565, "minecraft", "minecraft-info")
add(64738, "murmur", "murmur-version", { protocol = "udp" })
add(4222, "nats", "nats-info")
add(3493, "nut", "nut-info")
add(3690, "svn", "svnserve-info")
add(10011, "teamspeak", "teamspeak-info")
add(5985, "http", "wsman-info")
add(10050, "zabbix", "zabbix-agent-info")
add(2181, "zookeeper", "zookeeper-info")
add(22, "ssh", "ssh-hostkey ssh-weak-algos ssh2-enum-algos sshv1")
add(389, "ldap", "ldap-rootdse")
add(3389, "ms-wbt-server", "rdp-enum-encryption")
add(1080, "socks5", "socks-auth-info socks-open-proxy")
add(47808, "bacnet", "bacnet-info", { protocol = "udp" })
add(5683, "coap", "coap-resources", { protocol = "udp" })
add(631, "ipp", "cups-info cups-queue-info ipp-info")
add(53, "domain", "dns-nsid dns-recursion", { protocol = "udp" })
add(500, "isakmp", "ike-version", { protocol = "udp" })
add(623, "asf-rmcp", "ipmi-cipher-zero ipmi-version", { protocol = "udp" })
add(3671, "knxnetip", "knx-gateway-info", { protocol = "udp" })
add(1701, "l2tp", "l2tp-info", { protocol = "udp" })
add(5351, "nat-pmp", "nat-pmp-info", { protocol = "udp" })
add(111, "rpcbind", "nfs-ls nfs-showmount nfs-statfs rpcinfo")
add(123, "ntp", "ntp-info", { protocol = "udp" })
add(1194, "openvpn", "openvpn-info", { protocol = "udp" })
add(520, "route", "rip-info", { protocol = "udp" })
add(5060, "sip", "sip-methods", { protocol = "udp" })
add(427, "svrloc", "slp-services", { protocol = "udp" })
add(161, "snmp", "snmp-info", { protocol = "udp" })
add(161, "snmp", [[snmp-interfaces snmp-netstat snmp-processes snmp-public snmp-sysdescr
  snmp-win32-services snmp-win32-shares snmp-win32-software snmp-win32-users]],
  { protocol = "udp", product = "SNMPv3 server" })
add(3478, "stun", "stun-info stun-version", { protocol = "udp" })
add(10001, "ubiquiti-discovery", "ubiquiti-discovery", { protocol = "udp" })
add(69, "tftp", "tftp-version", { protocol = "udp" })
add(177, "xdmcp", "xdmcp-discover", { protocol = "udp" })
add(443, "http", "ssl-cert ssl-date ssl-dh-params ssl-enum-ciphers tls-alpn tls-nextprotoneg",
  { tunnel = "ssl" })

local function port_of(entry, confidence)
  local port = { number = entry.number, service = entry.service, version = {
    name = entry.service, name_confidence = confidence,
    service_tunnel = confidence > 3 and entry.fields.tunnel or "none",
    service_dtype = confidence > 3 and "probed" or "table",
  } }
  port.protocol = entry.fields.protocol
  port.version.product = confidence > 3 and entry.fields.product or nil
  return port
end

local function serve(entry, server)
  fake.reset()
  for _, protocol in ipairs({ "tcp:", "ssl:", "udp:" }) do
    -- what says nothing in a handshake is none that was made
    if protocol ~= "ssl:" or not entry.fields.tunnel then
      fake.servers[protocol .. entry.number] = server
    end
  end
end

for name, entry in pairs(asked) do
  test(name .. ": no answer of a service that was recognised is an error, else nothing", function()
    local udp = entry.fields.protocol == "udp"
    for _, how in ipairs(udp and { "silent" } or { "refused", "ended", "silent" }) do
      -- some end the connection to refuse
      if how ~= "ended" or not entry.fields.ends then
        serve(entry, silent[how])
        local ok, text = pcall(script.run, name, port_of(entry, 10))
        check.truthy(not ok, how .. ": " .. tostring(text))
        check.truthy(tostring(text):find("answer", 1, true), how .. ": " .. tostring(text))
      end
      serve(entry, silent[how])
      local text, _, rule = script.run(name, port_of(entry, 3))
      check.equal(text, nil)
      check.truthy(rule)
    end
  end)
end

test("a service behind TLS, of a script that speaks none, is nothing", function()
  for _, name in ipairs({ "dict-info", "mysql-info", "rsync-list-modules", "ssh-auth-methods", "ssh-hostkey",
    "ssh-weak-algos", "ssh2-enum-algos", "sshv1", "vnc-info" }) do
    local entry = asked[name] or asked["ssh-hostkey"]
    for _, how in ipairs({ "ended", "silent" }) do
      serve(entry, silent[how])
      local port = port_of(entry, 10)
      port.version.service_tunnel = "ssl"
      check.equal(script.run(name, port), nil)
    end
  end
end)

test("a method or a path that a web server refuses by silence is refused", function()
  for _, name in ipairs({ "http-methods", "http-trace", "http-git", "http-svn-info",
    "http-webdav-scan", "http-ntlm-info", "http-robots.txt" }) do
    for _, answer in ipairs({ web.silence, web.ended }) do
      serve(asked[name], nil)
      web.serve(80, { ["GET /"] = "<html></html>", default = answer })
      check.equal(script.run(name, port_of(asked[name], 10)), nil)
    end
  end
end)

test("a web server on the port of printers that takes no questions for them is none", function()
  local port = port_of({ number = 631, service = "http", fields = {} }, 10)
  for _, name in ipairs({ "cups-info", "cups-queue-info", "ipp-info" }) do
    for _, answer in ipairs({ web.silence, web.ended }) do
      web.serve(631, { ["GET /"] = "<html></html>", default = answer })
      check.equal(script.run(name, port), nil)
    end
  end
end)

test("a web server that answered before and is lost now has refused nothing", function()
  local host = { host = { registry = {} } }
  web.serve(80, { ["GET /"] = "<html></html>", default = web.ended })
  check.equal(script.run("http-trace", port_of(asked["http-trace"], 10), host), nil)
  local asked_for = web.serve(80, { default = web.ended })
  check.throws("no answer", script.run, "http-svn-info", port_of(asked["http-svn-info"], 10), host)
  -- silence is waited for once
  local n = #asked_for
  check.throws("no answer", script.run, "http-methods", port_of(asked["http-methods"], 10), host)
  for i = n + 1, #asked_for do
    check.falsy(asked_for[i] == "GET /")
  end
end)

test("a hello that a TLS server refuses by silence, or by the end of the connection, is refused", function()
  for _, name in ipairs({ "ssl-date", "ssl-dh-params", "tls-alpn", "tls-nextprotoneg" }) do
    for _, how in ipairs({ "ended", "silent" }) do
      serve(asked[name], silent[how])
      fake.servers["ssl:443"] = fake.replies(nil, {}, true)
      socket.certificate("ssl:443", { pem = "" })
      check.equal(script.run(name, port_of(asked[name], 10)), nil)
      -- a certificate that was shown before tells nothing of now
      socket.certificate("ssl:443", nil)
      local kept = { host = { registry = { certificates = { [443] = { cert = {} } } } } }
      check.throws("answer", script.run, name, port_of(asked[name], 10), kept)
    end
  end
end)

test("a host that has agreed on a version of SMB, and is silent now, is an error", function()
  local ports = fake.ports
  fake.ports = { ["tcp:445"] = { number = 445, protocol = "tcp", state = "open" } }
  for _, name in ipairs({ "smb-guid", "smb-protocols", "smb-security-mode", "smb2-capabilities",
    "smb2-security-mode", "smb2-time", "smb-os-discovery" }) do
    for _, answers in ipairs({ true, false }) do
      fake.servers["tcp:445"] = silent.silent
      local host = { host = { registry = { smb_answers = answers or nil } } }
      local ok, text = pcall(script.run, name, nil, host)
      check.equal(ok, not answers, name .. ": " .. tostring(text))
    end
    fake.servers["tcp:445"] = silent.ended
    local host = { host = { registry = { smb_answers = true } } }
    local ok = pcall(script.run, name, nil, host)
    -- whoever does not speak a version ends the connection; one that speaks none is silent
    check.equal(ok, name ~= "smb-protocols" and name ~= "smb2-capabilities", name)
  end
  fake.ports = ports
end)

-- A host with answers to SMB 1 and 2, nil where it is silent or, when `ends`, ends the connection;
-- `lost`: as many questions get no answer first.
local function smb_host(answers, ends, lost)
  fake.servers["tcp:445"] = function(peer)
    local answer = answers[peer:recv():find("\xffSMB", 1, true) and 1 or 2]
    if lost > 0 then
      lost, answer = lost - 1, nil
    end
    if answer then
      peer:send(answer)
    end
    if answer or not ends then
      peer:hang()
    end
  end
  return { host = { registry = { smb_answers = true } } }
end

test("a host that speaks one version of SMB alone refuses the other by silence", function()
  local ports = fake.ports
  fake.ports = { ["tcp:445"] = { number = 445, protocol = "tcp", state = "open" } }
  local one, two = script.recorded("smb-security-mode")[1][1][2], script.recorded("smb2-time")[1][1][2]
  for number, names in ipairs({ { "smb-security-mode", "smb-os-discovery" },
    { "smb-guid", "smb2-capabilities", "smb2-security-mode", "smb2-time" } }) do
    local other = number == 1 and { nil, two } or { one }
    for _, name in ipairs(names) do
      for _, ends in ipairs({ true, false }) do
        check.equal(script.run(name, nil, smb_host(other, ends, 0)), nil)
      end
      -- smb2-capabilities asks for each version
      local lost = name == "smb2-capabilities" and 5 or 1
      local ok, text = pcall(script.run, name, nil, smb_host({ one, two }, false, lost))
      check.truthy(not ok and text:find("answer", 1, true), name .. ": " .. tostring(text))
    end
  end
  -- who asks for all versions is not refused all
  check.throws("answer", script.run, "smb-protocols", nil, smb_host({ one }, false, 6))
  fake.ports = ports
end)

test("an SNMP agent that is silent to a community, but tells its engine, does not take it", function()
  for _, name in ipairs({ "snmp-sysdescr", "snmp-interfaces", "snmp-public" }) do
    serve(asked[name], function(peer)
      while true do
        local request = peer:recv()
        -- version 3
        if request:find("\2\1\3", 1, true) then
          peer:send(script.recorded("snmp-info")[1][1][2])
        end
      end
    end)
    check.equal(script.run(name, port_of(asked[name], 10)), nil)
  end
end)

test("a name server that is silent to our questions, and answers others, is none for us", function()
  for _, name in ipairs({ "dns-nsid", "dns-recursion" }) do
    serve(asked[name], function(peer)
      while true do
        local request = peer:recv()
        if request:sub(13, 13) == "\0" then
          peer:send(request:sub(1, 2) .. "\x80\5" .. request:sub(5))
        end
      end
    end)
    check.equal(script.run(name, port_of(asked[name], 10)), nil)
  end
end)

-- Those that are not asked above, and why.
local others = {
  -- their rules know a number alone
  "bjnp-discover", "dhcp-discover", "dns-service-discovery", "mdns-device-info", "upnp-info",
  "wsdd-discover",
  -- silence is how most refuse
  "ntp-monlist", "sslv2",
  -- with tests of their own
  "auth-owners", "dns-zone-transfer", "greeting-version", "http-version", "smtp-open-relay",
  "ssh-auth-methods",
}

test("every script that asks a port is told how to take silence", function()
  local known = {}
  for name in pairs(asked) do
    known[name] = true
  end
  for _, name in ipairs(others) do
    check.falsy(known[name], name)
    known[name] = true
  end
  local n = 0
  for path in io.popen("ls " .. fake.root .. "/scripts/*.nse"):lines() do
    local name = path:match("([^/]+)%.nse$")
    if script.load(name).portrule then
      n = n + 1
      check.truthy(known[name], name)
    end
  end
  check.truthy(n > 150, tostring(n))
end)
