description = [[
Lists the printers of a CUPS server: name, place, model, state, length of the queue.
]]
---
-- @output
-- | cups-info:
-- |   Lab_Laser
-- |     DNS-SD Name:
-- |     Location: Rack 1
-- |     Model: Local Raw Printer
-- |     State: Idle
-- |_    Queue: 0 print jobs

author = "Muster"
license = "Apache-2.0"
categories = { "safe", "discovery" }

-- UUIDs of queues, not of the server's machine.
identity = {}
volatile = { "State", "Queue" }

local asker = require "asker"
local api = require "http.api"
local ipp = require "ipp"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(631, "ipp", "tcp", "open")

local states = { [3] = "Idle", [4] = "Processing", [5] = "Stopped" }

function action(host, port)
  local status, printers = ipp.Helper:new(host, port):getPrinters()
  if not status then
    asker.check_busy(printers, table.unpack(ipp.busy))
    api.first_or_refused(host, port, { ["status-line"] = printers })
    return nil
  elseif #printers == 0 then
    return nil
  end
  local data, lines = stdnse.output_table(), {}
  for i, printer in ipairs(printers) do
    local name = tostring(printer.name)
    local fields = stdnse.output_table()
    fields["DNS-SD Name"] = printer.dns_sd_name or ""
    fields.Location = printer.location or ""
    fields.Model = printer.model or ""
    fields.State = states[printer.state] or ""
    fields.Queue = ("%d print jobs"):format(tonumber(printer.queue_count) or 0)
    lines[i] = { name = name }
    for key, value in pairs(fields) do
      table.insert(lines[i], key .. ": " .. value)
    end
    data[name] = fields
  end
  return data, stdnse.format_output(true, lines)
end
