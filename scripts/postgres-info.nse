description = [[
Shows what a PostgreSQL server tells before anyone logs in: whether it speaks TLS, the versions of
its protocol, and how it wants to be logged in to. A server that lets anyone in without a password
also tells its version.
]]
---
-- @output
-- | postgres-info:
-- |   TLS: supported
-- |   Protocol versions: 3.0 to 3.0
-- |   Authentication: SASL
-- |   SASL mechanisms:
-- |     SCRAM-SHA-256-PLUS
-- |_    SCRAM-SHA-256

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = {}
volatile = { "Refusal" }
finding = { ["Login without password"] = "high", ["Password in clear text"] = "medium" }

local nmap = require "nmap"
local pgsql = require "pgsql"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(5432, { "postgresql", "postgres" })

-- The account that every server has, so that the rules for it are those that count.
local user, database = "postgres", "postgres"

local function connected(host, port)
  local socket = nmap.new_socket()
  socket:set_timeout(7000)
  local status, reason = socket:connect(host, port)
  if not status then
    return nil, reason
  end
  return socket
end

-- Whether the server takes TLS, and a connection on which it was taken; nil, nil for no server.
local function ask_tls(host, port)
  local socket = connected(host, port)
  if not socket then
    return nil
  end
  local takes, letter = pgsql.requestSSL(socket)
  if takes and socket:reconnect_ssl() then
    return true, socket
  end
  socket:close()
  if takes or letter == "N" then
    return takes
  end
end

-- A version that no server knows: the error names those that it does.
local function protocol_versions(host, port)
  local socket = connected(host, port)
  if not socket then
    return nil
  end
  local status, response = pgsql.v3.start(socket, user, database, 0xffffffff)
  socket:close()
  local text = status and response.type == "E" and response.error.message or ""
  local versions = {}
  for version in (text:match(":(.*)$") or ""):gmatch("%f[%d]%d+%.%d+") do
    versions[#versions + 1] = version
  end
  local from, to = versions[1], #versions == 2 and versions[2]
  return to and from .. " to " .. to
end

local function has_refused_plain_text(status, response)
  return status and response.type == "E" and response.error.code == "28000"
end

-- The answer to a login: status, response, the connection, whether only TLS gave it.
local function start(host, port, secure)
  local socket = connected(host, port)
  if not socket then
    return false
  end
  local status, response = pgsql.v3.start(socket, user, database)
  if secure and has_refused_plain_text(status, response) then
    local again, other = pgsql.v3.start(secure, user, database)
    if again and other.type == "R" then
      socket:close()
      return again, other, secure, true
    end
  end
  return status, response, socket, false
end

local function show_parameters(output, socket)
  local status, found, fields = pgsql.v3.parameters(socket)
  if not status then
    output.Refusal = fields and found or nil
    return
  end
  output["Login without password"] = "as " .. user
  output.Version = found.server_version
  output.Encoding = found.server_encoding
  output["Time zone"] = found.TimeZone
end

local function show(output, response, socket, only_tls)
  if response.type == "E" then
    output.Refusal = response.error.message
    return
  end
  output.Authentication = pgsql.auth_name(response.authtype)
  if response.mechanisms[1] then
    output["SASL mechanisms"] = response.mechanisms
  end
  if response.success then
    show_parameters(output, socket)
  elseif response.authtype == pgsql.AuthenticationType.Plain and not only_tls then
    output["Password in clear text"] = "also without TLS"
  end
end

local function close(...)
  for i = 1, select("#", ...) do
    local socket = select(i, ...)
    if socket then
      socket:close()
    end
  end
end

function action(host, port)
  local takes_tls, secure = ask_tls(host, port)
  local status, response, socket, only_tls = start(host, port, secure)
  if not status then
    close(secure, socket)
    return nil
  end
  local output = stdnse.output_table()
  if takes_tls ~= nil then
    output.TLS = only_tls and "required" or takes_tls and "supported" or "not supported"
  end
  output["Protocol versions"] = protocol_versions(host, port)
  show(output, response, socket, only_tls)
  close(secure, socket ~= secure and socket)
  if output.Version then
    port.version.version = output.Version:match("^[%d.]+")
    nmap.set_port_version(host, port)
  end
  return output
end
