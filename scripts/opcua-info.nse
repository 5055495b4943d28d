description = [[
Shows what an OPC UA server (controllers, machines, gateways of plants) tells anyone of itself: names,
product, and how it may be talked to. Asks for its endpoints (OPC 10000-4, 5.5.4) and makes no session.
]]
---
-- @output
-- | opcua-info:
-- |   Application name: Line 3
-- |   Application URI: urn:line3:plc
-- |   Product URI: urn:maker:plc
-- |   Application type: Server
-- |   Endpoint URLs:
-- |     opc.tcp://line3:4840
-- |   Endpoints:
-- |     None, None: anonymous, user name
-- |     SignAndEncrypt, Basic256Sha256: certificate, user name
-- |_  Anonymous without encryption: true

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe", "version" }

identity = {}
volatile = {}
finding = { ["Anonymous without encryption"] = "medium" }

local asker = require "asker"
local nmap = require "nmap"
local opcua = require "opcua"
local shortport = require "shortport"
local stdnse = require "stdnse"

local services = { "opcua-tcp", "opc-ua-tcp" }
portrule = shortport.port_or_service(4840, services)

local types = { [0] = "Server", "Client", "ClientAndServer", "DiscoveryServer" }
local modes = { "None", "Sign", "SignAndEncrypt" }
local tokens = { [0] = "anonymous", "user name", "certificate", "issued token" }
local text_max = 200

local function printable(text)
  return text and text ~= "" and text:sub(1, text_max):gsub("%c", "?") or nil
end

-- The names of a list in the order of the alphabet, each once.
local function sorted(list, name_of)
  local names, seen = {}, {}
  for _, item in ipairs(list) do
    local name = name_of(item)
    if name and not seen[name] then
      names[#names + 1], seen[name] = name, true
    end
  end
  table.sort(names)
  return names
end

local function token_name(kind)
  return tokens[kind] or ("type %d"):format(kind)
end

-- "SignAndEncrypt, Basic256Sha256: user name"
local function line_of(endpoint)
  local policy = printable(endpoint.policy) or "?"
  return ("%s, %s: %s"):format(modes[endpoint.mode] or "?", policy:match("#(.*)$") or policy,
    table.concat(sorted(endpoint.tokens, token_name), ", "))
end

local function is_open(endpoint)
  for _, kind in ipairs(endpoint.tokens) do
    if kind == 0 and endpoint.mode == 1 then
      return true
    end
  end
  return false
end

local function table_of(endpoints)
  local server, output, open = endpoints[1].server, stdnse.output_table(), false
  output["Application name"] = printable(server.applicationName)
  output["Application URI"] = printable(server.applicationUri)
  output["Product URI"] = printable(server.productUri)
  output["Application type"] = types[server.applicationType]
  output["Endpoint URLs"] = sorted(endpoints, function(endpoint)
    return printable(endpoint.url)
  end)
  output.Endpoints = sorted(endpoints, line_of)
  for _, endpoint in ipairs(endpoints) do
    open = open or is_open(endpoint)
  end
  output["Anonymous without encryption"] = open or nil
  return output
end

function action(host, port)
  local endpoints, reason, greeted = opcua.endpoints(host, port)
  if not endpoints and greeted and asker.is_loss(reason) then
    asker.broken_off(reason)
  elseif not endpoints or #endpoints == 0 then
    return not greeted and asker.unanswered(port, services, reason) or nil
  end
  local output = table_of(endpoints)
  port.version.name, port.version.product = "opcua-tcp", output["Application name"]
  nmap.set_port_version(host, port)
  return output
end
