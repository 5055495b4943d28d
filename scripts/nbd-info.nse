description = [[
Shows the block devices that an NBD server exports to anyone, with their sizes.
]]
---
-- @output
-- | nbd-info:
-- |   Protocol:
-- |     Negotiation: fixed newstyle
-- |     SSL/TLS Wrapped: false
-- |   Exported Block Devices:
-- |     foo:
-- |       Size: 1048576 bytes
-- |       Transmission Flags:
-- |_        READ_ONLY

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "intrusive" }

identity = {}
volatile = {}
finding = { ["Exported Block Devices"] = "high" }

local asker = require "asker"
local nbd = require "nbd"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.version_port_or_service({ 10809 }, { "nbd" })

local asked_max = 16

local function connected(host, port)
  local first
  for _, use_tls in ipairs({ false, true }) do
    local server = nbd.Comm:new(host, port)
    local status, reason = server:connect(use_tls)
    if status then
      return server, use_tls
    end
    first = first or reason
  end
  return nil, first
end

-- Size and flags of each export, asked for or, where that tells nothing, by opening it.
local function ask_exports(server, host, port, use_tls)
  for i = 1, math.min(#server.names, asked_max) do
    local name = server.names[i]
    if not server:info(name) or (server.exports[name].size or 0) == 0 then
      local other = nbd.Comm:new(host, port)
      if other:connect(use_tls) and other:attach(name) then
        server.exports[name] = other.exports[name]
      end
      if other.protocol then
        other:close()
      end
    end
  end
  table.sort(server.names)
end

local function show_export(export)
  local out = stdnse.output_table()
  out.Size = export.size and ("%d bytes"):format(export.size)
  local names = nbd.flag_names(export.flags or 0)
  -- bit 0 says only that the flags are valid
  if names[1] == "HAS_FLAGS" then
    table.remove(names, 1)
  end
  out["Transmission Flags"] = names[1] and names
  return out
end

function action(host, port)
  local server, use_tls = connected(host, port)
  if not server then
    return asker.unanswered(port, { "nbd" }, use_tls)
  end
  if server.protocol.negotiation == "fixed newstyle" and server:list() then
    ask_exports(server, host, port, use_tls)
  end
  server:close()
  local output, protocol = stdnse.output_table(), stdnse.output_table()
  protocol.Negotiation = server.protocol.negotiation
  protocol["SSL/TLS Wrapped"] = use_tls
  output.Protocol = protocol
  local exports = stdnse.output_table()
  for _, name in ipairs(server.names) do
    local shown = (name == "" or name == "(default)") and "default" or name
    exports[shown] = show_export(server.exports[name])
  end
  output["Exported Block Devices"] = #exports > 0 and exports or nil
  return output
end
