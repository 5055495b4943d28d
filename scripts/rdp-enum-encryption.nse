description = [[
Shows the security layers that an RDP server accepts, the methods and the level of RDP's own
encryption where it accepts that, and the version of its protocol.
]]
---
-- @output
-- | rdp-enum-encryption:
-- |   Security layer
-- |     Native RDP: SUCCESS
-- |     SSL: SUCCESS
-- |   RDP Encryption level: High
-- |     128-bit RC4: SUCCESS
-- |_  RDP Protocol Version:  RDP 5.x, 6.x, 7.x, or 8.x server

author = "Muster"
license = "Apache-2.0"
categories = { "safe", "discovery" }

identity = {}
volatile = {}
-- no server's certificate and no strong cipher protects the session
finding = { ["Native RDP accepted"] = "medium" }

local asker = require "asker"
local rdp = require "rdp"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(3389, "ms-wbt-server")

local layers = {
  { "CredSSP (NLA)", rdp.PROTOCOL_SSL | rdp.PROTOCOL_HYBRID, rdp.PROTOCOL_HYBRID },
  { "CredSSP with Early User Auth", rdp.PROTOCOL_SSL | rdp.PROTOCOL_HYBRID
    | rdp.PROTOCOL_HYBRID_EX, rdp.PROTOCOL_HYBRID_EX },
  { "Native RDP", rdp.PROTOCOL_RDP, rdp.PROTOCOL_RDP },
  { "RDSTLS", rdp.PROTOCOL_RDSTLS, rdp.PROTOCOL_RDSTLS },
  { "SSL", rdp.PROTOCOL_SSL, rdp.PROTOCOL_SSL },
}

local ciphers = {
  { "40-bit RC4", rdp.ENCRYPTION_40BIT }, { "56-bit RC4", rdp.ENCRYPTION_56BIT },
  { "128-bit RC4", rdp.ENCRYPTION_128BIT }, { "FIPS 140-1", rdp.ENCRYPTION_FIPS },
}

-- Questions: of the asker's kinds, an answer or nil, a reason.
local ask = {}

function ask.layer(host, port, protocols)
  local connection, answer, connected = rdp.negotiate(host, port, protocols)
  if connection then
    connection:close()
    return asker.ANSWERED, answer
  end
  return connected and asker.kind_of(answer) or asker.SILENT, nil, answer
end

-- What the server answers to `methods` of encryption after an agreement on `protocol`, over TLS
-- when that is the protocol; nil when it does not agree.
function ask.methods(host, port, protocol, methods)
  local connection, answer, connected = rdp.negotiate(host, port, protocol)
  if not connection then
    return connected and asker.kind_of(answer) or asker.SILENT, nil, answer
  end
  local over_tls, status, reason = protocol == rdp.PROTOCOL_SSL, true, nil
  if answer.kind == "failure" or over_tls and answer.protocol ~= protocol then
    connection:close()
    return asker.ANSWERED
  elseif over_tls then
    status, reason = connection.socket:reconnect_ssl()
  end
  if status then
    status, reason = connection:exch(rdp.Request.MCSConnectInitial:new(methods, protocol))
  end
  connection:close()
  if status then
    return asker.ANSWERED, reason
  end
  return asker.kind_of(reason), nil, reason
end

-- Accepted layers, in order; nil when the port speaks no RDP.
local function accepted_layers(server)
  local accepted, is_rdp = {}, false
  for _, layer in ipairs(layers) do
    local answer = server:ask({ "layer", layer[2] })
    is_rdp = is_rdp or answer ~= nil
    if not is_rdp then
      return nil
    elseif answer and (answer.kind == "response" and answer.protocol == layer[3]
      or answer.kind == "plain" and layer[3] == rdp.PROTOCOL_RDP) then
      accepted[#accepted + 1] = layer[1]
    end
  end
  return accepted
end

-- Accepted methods of RDP's own encryption, level, version.
local function own_encryption(server)
  local accepted, level, version = {}, nil, nil
  for _, cipher in ipairs(ciphers) do
    local answer = server:ask({ "methods", rdp.PROTOCOL_RDP, cipher[2] })
    version = version or answer and answer.version
    if answer and answer.method == cipher[2] then
      accepted[#accepted + 1] = cipher[1]
      level = answer.level
    end
  end
  return accepted, level, version
end

-- The version, of a server that wants TLS: it tells it there.
local function version_over_tls(server)
  local answer = server:ask({ "methods", rdp.PROTOCOL_SSL, 0 })
  return answer and answer.version
end

local function lines_of(names, data)
  local lines = {}
  for i, name in ipairs(names) do
    lines[i] = name .. ": SUCCESS"
    data[name] = "SUCCESS"
  end
  return lines
end

local function add(data, lists, name, names)
  data[name] = stdnse.output_table()
  local lines = lines_of(names, data[name])
  lines.name = name
  lists[#lists + 1] = lines
end

function action(host, port)
  local server = asker.new(function(question)
    return ask[question[1]](host, port, table.unpack(question, 2))
  end)
  server.expected = asker.is_recognised(port, { "ms-wbt-server" })
  local accepted = accepted_layers(server)
  server:check()
  if not accepted or #accepted == 0 then
    return nil
  end
  local data, lists = stdnse.output_table(), {}
  add(data, lists, "Security layer", accepted)
  local methods, level, version = own_encryption(server)
  version = version or data["Security layer"].SSL and version_over_tls(server)
  if level then
    add(data, lists, "RDP Encryption level: " .. (rdp.LEVELS[level] or tostring(level)), methods)
  end
  if version then
    data["RDP Protocol Version"] = rdp.version_text(version)
    lists[#lists + 1] = "RDP Protocol Version:  " .. data["RDP Protocol Version"]
  end
  data["Native RDP accepted"] = data["Security layer"]["Native RDP"] and true or nil
  return data, stdnse.format_output(true, lists)
end
