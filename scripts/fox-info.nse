description = [[
Shows what a station of Tridium Niagara (building automation) tells whoever greets it over the Fox
protocol: host, program, runtime, system, time zone, licence id, brand. Says hello and logs in nowhere.
]]
---
-- The protocol has no public specification; its messages are text, the hello as stations send it to
-- each other ("fox a 1 -1 fox hello"), the answer a list of names with typed values ("s:" a string).
--
-- @output
-- | fox-info:
-- |   fox.version: 1.0
-- |   hostName: ahu-roof
-- |   hostAddress: 192.0.2.1
-- |   app.name: Station
-- |   app.version: 3.8.111
-- |   vm.name: Java HotSpot(TM) Embedded Client VM
-- |   vm.version: 25.0-b70
-- |   os.name: QNX
-- |   timeZone: Europe/Berlin
-- |   hostId: Qnx-NPM6-0000-13E5-9C21
-- |   vmUuid: 11e98b97-b656-1c50-0000-00000000bafd
-- |_  brandId: vykon

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "version" }

identity = { "hostId" }
-- drawn anew when the station starts
volatile = { "vmUuid" }

local asker = require "asker"
local comm = require "comm"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

local services = { "fox", "foxs", "niagara-fox" }
portrule = shortport.port_or_service({ 1911, 4911 }, services)

local hello = "fox a 1 -1 fox hello\n{\nfox.version=s:1.0\nid=i:1\n};;\n"
local shown = { "fox.version", "hostName", "hostAddress", "app.name", "app.version", "vm.name",
  "vm.version", "os.name", "os.version", "timeZone", "hostId", "vmUuid", "brandId" }
local message_max, pieces_max, value_max = 16384, 64, 200

-- The answer up to its end, ";;"; nil and the reason.
local function greet(host, port)
  local tls = port.number == 4911 or port.version and port.version.service_tunnel == "ssl"
  local socket, answer = comm.opencon(host, port, hello, { proto = tls and "ssl" or "tcp",
    timeout = 5000 })
  if not socket then
    return nil, answer
  end
  for _ = 1, pieces_max do
    if not answer:find("^fox ") or answer:find("};;", 1, true) or #answer > message_max then
      break
    end
    local status, piece = socket:receive()
    if not status then
      break
    end
    answer = answer .. piece
  end
  socket:close()
  return answer
end

local function fields_of(answer)
  local output = stdnse.output_table()
  if not answer:find("^fox a %-?%d+ %-?%d+ fox hello\r?\n{") then
    return output
  end
  local values = {}
  for name, value in answer:sub(1, message_max):gmatch("\n([%w.]+)=s:([^\r\n]*)") do
    values[name] = values[name] or value:sub(1, value_max)
  end
  -- behind the zone's name stand the rules of its summer time
  values.timeZone = values.timeZone and values.timeZone:match("^[^;]*")
  for _, name in ipairs(shown) do
    output[name] = values[name] ~= "" and values[name] or nil
  end
  return output
end

function action(host, port)
  local answer, reason = greet(host, port)
  local output = fields_of(answer or "")
  if #output == 0 then
    return asker.unanswered(port, services, answer and "another answer" or reason)
  end
  port.version.name, port.version.product = "fox", "Tridium Niagara"
  port.version.version = output["app.name"] == "Station" and output["app.version"] or nil
  nmap.set_port_version(host, port)
  return output
end
