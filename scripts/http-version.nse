description = [[
Finds web servers at whatever port, with and without TLS: asks open ports of which nothing better is
known for the page /. Fills in the service's name, and product and version as the header Server has
them. Ports of printers, of industrial controllers and of services that are known to be no web server
are left alone.
]]
---
-- @output
-- PORT     STATE SERVICE VERSION
-- 3000/tcp open  http    nginx 1.22.1

author = "Muster"
license = "Apache-2.0"
categories = { "version" }
-- What greets, or has been recognised by its header, needs no question.
dependencies = { "greeting-version", "http-server-header" }

identity = {}
volatile = {}

local greeting = require "greeting"
local http = require "http"
local shortport = require "shortport"

-- Services with clients and scripts of their own: what is written to them in another protocol stands
-- in their logs, and some end over it.
local others = {}
for _, name in ipairs({
  "afp", "ajp13", "amqp", "amqps", "apcupsd", "auth", "bgp", "bolt", "chargen", "cisco-sccp",
  "daytime", "discard", "distccd", "domain", "echo", "epmap", "epmd", "exec", "finger", "git",
  "iscsi", "iscsi-target", "kafka", "kerberos", "kerberos-sec", "ldap", "ldaps", "login",
  "memcache", "memcached", "microsoft-ds", "minecraft", "modbus", "mongod", "mongodb", "mountd",
  "mqtt", "ms-sql-s", "ms-wbt-server", "msrpc", "mumble", "nbd", "netbios-ssn", "nfs", "ntske",
  "nut", "oracle", "oracle-tns", "portmapper", "postgresql", "pptp", "printer", "qotd", "redis",
  "rmiregistry", "rpcbind", "rtsp", "shell", "sip", "sips", "snmp", "socks", "sunrpc", "systat",
  "tacacs", "time", "whois", "x11", "X11", "xmpp-client", "xmpp-server", "zookeeper",
}) do
  others[name] = true
end

-- Controllers of machines and buildings: S7, Modbus, Foundation Fieldbus, Niagara Fox, EtherNet/IP,
-- IEC 60870-5-104, OPC UA, FINS, DNP3, PROFINET, BACnet.
local controllers = {}
for _, number in ipairs({ 102, 502, 789, 1089, 1090, 1091, 1911, 1962, 2404, 4840, 4911, 5006, 5007, 5094,
  9600, 18245, 18246, 20000, 20547, 34962, 34963, 34964, 44818, 47808 }) do
  controllers[number] = true
end

local function is_known_to_be_other(port)
  local version = port.version or {}
  if shortport.http(nil, port) then
    return false
  end
  return others[port.service] or greeting.is_expected(port.service)
    or (version.name_confidence or 0) > 3
end

function portrule(_, port)
  return port.protocol == "tcp" and port.state == "open"
    and not shortport.port_is_excluded(port.number, port.protocol)
    and not controllers[port.number]
    and not (port.version and port.version.product)
    and not is_known_to_be_other(port)
end

-- A server of TLS that is asked in plain text says so in plain text.
local function ask(host, port)
  local options = { redirect_ok = false, max_body_size = 65536, truncated_ok = true }
  local response = http.get(host, port, "/", options)
  if response.status == 400 and not response.ssl then
    options.scheme = "https"
    local secure = http.get(host, port, "/", options)
    return secure.status and secure or response
  end
  return response
end

function action(host, port)
  local response = ask(host, port)
  if not response.status then
    -- a web server that was too busy is not told to be none
    return shortport.http(nil, port) and error("no answer: " .. response["status-line"], 0) or nil
  end
  local server = response.header.server
  local info = server and server ~= "" and greeting.web_server(server) or { name = "http" }
  greeting.store(host, port, info, response.ssl)
  return nil
end
