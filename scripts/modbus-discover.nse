description = [[
Asks Modbus units what they are, reading only: function 17 (report server id) and function 43/14
(read device identification), MODBUS Application Protocol Specification 1.1b3, 6.13 and 6.21.
]]
---
-- @args modbus-discover.aggressive  Ask all 246 units, not only until the first that answers.
--
-- @output
-- | modbus-discover:
-- |   sid 0x1:
-- |     Slave ID data: \xB4\xFFLMB3.0.3
-- |_    Device identification: Schneider Electric BMX P34 2000 V2.5

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "intrusive" }

identity = {}
volatile = {}

local asker = require "asker"
local comm = require "comm"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(502, "modbus")

local units_max, gateway_target_failed = 246, 0x0b

-- One request, one answer: its PDU, or nil. The header is transaction, protocol 0, length, unit.
local function ask(host, port, unit, pdu)
  local frame = string.pack(">I2I2I2B", unit, 0, #pdu + 1, unit) .. pdu
  local status, answer = comm.exchange(host, port, frame, { timeout = 5000, bytes = 9 })
  if not status or #answer < 9 then
    return nil, answer
  end
  local id, protocol, length = string.unpack(">I2I2I2", answer)
  if id ~= unit or protocol ~= 0 or length < 3 then
    return nil
  end
  return answer:sub(8, 6 + length)
end

local function printable(text)
  return (text:gsub("[^ -~]", function(c)
    return ("\\x%02X"):format(c:byte())
  end))
end

-- Objects of function 43/14: vendor, product, version, ... joined by blanks.
local function identification(pdu)
  if not pdu or #pdu < 7 or pdu:byte(1) ~= 0x2b then
    return nil
  end
  local parts, at = {}, 8
  for _ = 1, pdu:byte(7) do
    if at + 1 > #pdu then
      break
    end
    local length = pdu:byte(at + 1)
    parts[#parts + 1] = printable(pdu:sub(at + 2, at + 1 + length))
    at = at + 2 + length
  end
  return #parts > 0 and table.concat(parts, " ") or nil
end

local function server_id(pdu)
  local first = pdu:byte(1)
  if first == 0x11 and #pdu >= 2 then
    return { "Slave ID data", printable(pdu:sub(3, 2 + pdu:byte(2))) }
  elseif first == 0x91 then
    return { "error", ("exception %d"):format(pdu:byte(2) or 0) }
  end
end

function action(host, port)
  local all = stdnse.get_script_args(SCRIPT_NAME .. ".aggressive")
  local output, found = stdnse.output_table(), false
  for unit = 1, units_max do
    local pdu, reason = ask(host, port, unit, "\x11")
    if not pdu and unit == 1 then
      return asker.unanswered(port, { "modbus" }, reason)
    elseif not pdu then
      break
    end
    local id = server_id(pdu)
    if id and not (pdu:byte(1) == 0x91 and pdu:byte(2) == gateway_target_failed) then
      local item = stdnse.output_table()
      item[id[1]] = id[2]
      item["Device identification"] = identification(ask(host, port, unit, "\x2b\x0e\1\0"))
      output[("sid 0x%x"):format(unit)], found = item, true
      if not all then
        break
      end
    end
  end
  return found and output or nil
end
