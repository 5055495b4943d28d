description = [[
Asks the port mapper for all registered RPC programs, with versions, ports and protocols.
]]
---
-- @output
-- | rpcinfo:
-- |   program version    port/proto  service
-- |   100000  2,3,4        111/tcp   rpcbind
-- |_  100003  3,4         2049/tcp   nfs

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "default", "safe", "version" }

identity = {}
-- The ports of some programs are chosen anew at each start.
volatile = { "port" }

local rpc = require "rpc"
local shortport = require "shortport"
local stdnse = require "stdnse"
local stringaux = require "stringaux"

portrule = shortport.port_or_service(111, "rpcbind", { "tcp", "udp" })

local function sorted_keys(t)
  local keys = {}
  for key in pairs(t) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  return keys
end

-- Makes the ports known that the programs stand on.
local function set_version(host, program, protocol, entry)
  local name = (protocol == "tcp" or protocol == "udp") and rpc.Util.ProgNumberToName(program)
  local port = name and entry.port and nmap.get_port_state(host, { number = entry.port,
    protocol = protocol })
  if not port or not port.version then
    return
  end
  port.version.name = name
  port.version.version = entry.version[1] == entry.version[#entry.version]
    and tostring(entry.version[1])
    or entry.version[1] .. "-" .. entry.version[#entry.version]
  port.version.extrainfo = "RPC #" .. program
  nmap.set_port_version(host, port, "hardmatched")
end

function action(host, port)
  local status, programs = rpc.Helper.RpcInfo(host, port)
  if not status then
    return rpc.Helper.Unanswered(port, programs)
  end
  local data, lines = {}, {}
  for _, program in ipairs(sorted_keys(programs)) do
    data[tostring(program)] = programs[program]
    local rows = {}
    for protocol, entry in pairs(programs[program]) do
      if entry.port then
        local versions = table.concat(entry.version, ",")
        rows[#rows + 1] = ("%-10s %5d/%-4s"):format(versions, entry.port, protocol)
        set_version(host, program, protocol, entry)
      end
    end
    table.sort(rows)
    local name = rpc.Util.ProgNumberToName(program) or ""
    for _, row in ipairs(rows) do
      lines[#lines + 1] = stringaux.trim_end(("  %-7d %s  %s"):format(program, row, name))
    end
  end
  if #lines == 0 then
    return nil
  end
  return data, "\n  program version    port/proto  service\n" .. table.concat(lines, "\n") .. "\n"
end
