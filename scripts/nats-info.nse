description = [[
Shows what a NATS server tells whoever connects: version, name, cluster, whether clients must log in
and speak TLS.
]]
---
-- What is shown stands in the message INFO, with which the server begins (NATS client protocol).
--
-- @output
-- | nats-info:
-- |   Version: 2.9.10
-- |   Server name: nats1
-- |   Go version: go1.19.4
-- |   JetStream: true
-- |_  Open without login: true

author = "Muster"
license = "Apache-2.0"
categories = { "version", "discovery", "default", "safe" }

identity = {}
volatile = {}
-- whoever connects reads and writes every message
finding = { ["Open without login"] = "high" }

local asker = require "asker"
local drain = require "drain"
local greeting = require "greeting"
local api = require "http.api"
local json = require "json"
local shortport = require "shortport"

portrule = shortport.port_or_service(4222, "nats", "tcp")

local fields = {
  { "Version", "version" }, { "Server name", "server_name" }, { "Cluster", "cluster" },
  { "Domain", "domain" }, { "Go version", "go" }, { "JetStream", "jetstream" },
  { "TLS required", "tls_required" }, { "TLS offered", "tls_available" },
}

-- Where else clients find the cluster, in an order of its own.
local function addresses(info)
  local list = {}
  for _, address in ipairs(type(info.connect_urls) == "table" and info.connect_urls or {}) do
    list[#list + 1] = type(address) == "string" and address or nil
  end
  table.sort(list)
  return #list > 0 and list or nil
end

local function info_of(text)
  local status, info = json.parse((text or ""):match("^INFO%s+(%b{})%s*\r\n") or "")
  local version = status and type(info) == "table" and info.version
  return type(version) == "string" and version ~= "" and info or nil
end

function action(host, port)
  local text, reason = drain.all(host, port, nil, { bytes_max = 32768, last = function(so_far)
    return so_far:find("\n", 1, true) ~= nil
  end })
  local info = info_of(text)
  if not info then
    return asker.unanswered(port, { "nats", plain = true }, reason)
  end
  -- without a name of its own the server goes by its key, which is made anew at each start
  if info.server_name == info.server_id then
    info.server_name = nil
  end
  local output = api.pick(info, fields)
  output["Cluster addresses"] = addresses(info)
  if info.auth_required ~= true and info.tls_verify ~= true then
    output["Open without login"] = true
  end
  greeting.store(host, port, { name = "nats", product = "NATS", version = info.version,
    cpe = { "cpe:/a:linuxfoundation:nats-server:" .. info.version } })
  return output
end
