description = [[
Shows what a GPS daemon (gpsd) tells whoever connects: version, receivers, and where it is.
]]
---
-- Asks ?DEVICES and ?WATCH (gpsd_json(5)), and waits three seconds at most for a position.
--
-- @output
-- | gpsd-info:
-- |   Version: 3.22
-- |   Devices:
-- |     /dev/ttyACM0: u-blox
-- |   Time of fix: 2026-11-30T11:18:23
-- |   Coordinates: 52.5000,13.4000
-- |_  Speed: 0.5 knots

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = { "Time of fix", "Coordinates", "Speed" }
-- where the machine is
finding = { Coordinates = "low" }

local asker = require "asker"
local greeting = require "greeting"
local json = require "json"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(2947, "gpsd", "tcp")

local wait_ms, lines_max, line_max = 3000, 200, 65536
local knots = 3600 / 1852

-- The next line as a value; nil and the reason.
local function next_object(socket)
  local status, line = socket:receive_buf("\n", false)
  if not status then
    return nil, line
  end
  local ok, value = json.parse(#line <= line_max and line or "")
  return ok and type(value) == "table" and value or {}
end

local function text_of(value)
  return type(value) == "string" and value ~= "" and value or nil
end

local function show_devices(value, output)
  local list, any = stdnse.output_table(), false
  for _, device in ipairs(type(value.devices) == "table" and value.devices or {}) do
    local path = type(device) == "table" and text_of(device.path)
    if path then
      local parts = { text_of(device.driver) or "no driver", text_of(device.subtype) }
      list[path], any = table.concat(parts, ", "), true
    end
  end
  output.Devices = any and list or nil
end

local function show_position(value, output)
  local latitude, longitude = tonumber(value.lat), tonumber(value.lon)
  if not latitude or not longitude then
    return false
  end
  output["Time of fix"] = (text_of(value.time) or ""):match("^[%d:T-]+")
  output.Coordinates = ("%.4f,%.4f"):format(latitude, longitude)
  local speed = tonumber(value.speed)
  output.Speed = speed and ("%.1f knots"):format(speed * knots)
  return true
end

-- Listens until a position came. A receiver that sees no satellites has none.
local function listen(socket, output)
  local last, answered = nmap.clock_ms() + wait_ms, false
  for _ = 1, lines_max do
    socket:set_timeout(math.max(1, math.ceil(last - nmap.clock_ms())))
    local value, reason = next_object(socket)
    if not value then
      return answered or asker.broken_off(reason)
    elseif value.class == "DEVICES" then
      answered = true
      show_devices(value, output)
    elseif value.class == "TPV" and show_position(value, output) then
      return
    end
  end
end

function action(host, port)
  local socket = nmap.new_socket()
  socket:set_timeout(5000)
  local status, reason = socket:connect(host, port)
  local hello
  if status then
    hello, reason = next_object(socket)
  end
  if not hello or hello.class ~= "VERSION" or not text_of(hello.release) then
    socket:close()
    return asker.unanswered(port, { "gpsd", plain = true }, reason)
  end
  local output = stdnse.output_table()
  output.Version = hello.release
  socket:send('?DEVICES;\n?WATCH={"enable":true,"json":true};\n')
  listen(socket, output)
  socket:close()
  greeting.store(host, port, { name = "gpsd", product = "gpsd", version = hello.release,
    cpe = { "cpe:/a:gpsd_project:gpsd:" .. hello.release } })
  return output
end
