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

local asker = require "asker"
local nmap = require "nmap"
local pgsql = require "pgsql"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(5432, { "postgresql", "postgres" })

-- The account that every server has, so that the rules for it are those that count.
local user, database = "postgres", "postgres"

-- A connection, which is added to `sockets`: they are closed at the end, come what may.
local function connected(host, port, sockets)
  local socket = nmap.new_socket()
  socket:set_timeout(7000)
  local status, reason = socket:connect(host, port)
  if not status then
    return nil, reason
  end
  sockets[#sockets + 1] = socket
  return socket
end

-- One question for TLS: what ask_tls() gives, and the reason why there is no answer.
local function ask_tls_once(host, port, sockets)
  local socket, reason = connected(host, port, sockets)
  if not socket then
    return nil, nil, reason
  end
  local takes, letter = pgsql.requestSSL(socket)
  if takes and socket:reconnect_ssl() then
    return true, socket
  end
  socket:close()
  if takes or letter == "N" then
    return takes
  end
  return nil, nil, letter
end

-- Whether the server takes TLS, and a connection on which it was taken. One that ends the
-- connection each time does not know the question.
local function ask_tls(host, port, sockets)
  local takes, secure, reason = ask_tls_once(host, port, sockets)
  if takes == nil or takes and not secure then
    takes, secure, reason = ask_tls_once(host, port, sockets)
  end
  return takes, secure, reason ~= "EOF" and reason or nil
end

-- Too many clients, starting up, shutting down (classes 53 and 57 of the manual's appendix A; of
-- PgBouncer a text) say nothing of the server: they pass.
local function check_lasting(fields)
  local message = fields.message or ""
  if (fields.code or ""):find("^5[37]") or message:find("no more connections allowed", 1, true) then
    error(message, 0)
  end
end

-- A version that no server knows: the error names those that it does.
local function protocol_versions(host, port, sockets)
  local socket, status, response = connected(host, port, sockets)
  if socket then
    status, response = pgsql.v3.start(socket, user, database, 0xffffffff)
    socket:close()
  end
  if not status then
    error("versions of the protocol: " .. tostring(response), 0)
  end
  local text = response.type == "E" and response.error.message or ""
  check_lasting(response.error or {})
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
local function start(host, port, secure, sockets)
  local socket, reason = connected(host, port, sockets)
  if not socket then
    return false, reason
  end
  local status, response = pgsql.v3.start(socket, user, database)
  if secure and has_refused_plain_text(status, response) then
    local again, other = pgsql.v3.start(secure, user, database)
    if not again or other.type == "R" then
      return again, other, secure, true
    end
    check_lasting(other.error)
  end
  return status, response, socket, false
end

local function show_parameters(output, socket)
  local status, found, fields = pgsql.v3.parameters(socket)
  if not status and not fields then
    error(found, 0)
  elseif not status then
    check_lasting(fields)
    output.Refusal = found
    return
  end
  output["Login without password"] = "as " .. user
  output.Version = found.server_version
  output.Encoding = found.server_encoding
  output["Time zone"] = found.TimeZone
end

local function show(output, response, socket, only_tls)
  if response.type == "E" then
    check_lasting(response.error)
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

local function look(host, port, sockets)
  local takes_tls, secure, tls_reason = ask_tls(host, port, sockets)
  local status, response, socket, only_tls = start(host, port, secure, sockets)
  local trouble = status and tls_reason or not status and takes_tls ~= nil and response
  if trouble then
    error(trouble, 0)
  elseif not status then
    return asker.unanswered(port, { "postgresql", "postgres" }, response)
  end
  local output = stdnse.output_table()
  if takes_tls ~= nil then
    output.TLS = only_tls and "required" or takes_tls and "supported" or "not supported"
  end
  output["Protocol versions"] = protocol_versions(host, port, sockets)
  show(output, response, socket, only_tls)
  return output
end

function action(host, port)
  local sockets = {}
  local ok, output = pcall(look, host, port, sockets)
  for _, socket in ipairs(sockets) do
    socket:close()
  end
  if not ok then
    error(output, 0)
  elseif output and output.Version then
    port.version.version = output.Version:match("^[%d.]+")
    nmap.set_port_version(host, port)
  end
  return output
end
