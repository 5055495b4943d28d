description = [[
Shows what a relay, plug or lamp with the firmware Tasmota tells anyone of itself: names, version, hardware
address. Asks for its status only where the page / is Tasmota's, and switches nothing.
]]
---
-- Tasmota's documentation, "Commands": Status 0 shows all, by way of /cm?cmnd=; with a web password set
-- the answer is a warning. The page / ends with the firmware's name and version.
--
-- @output
-- | tasmota-info:
-- |   Name: Garden pump
-- |   Host name: tasmota-010203-0515
-- |   Version: 13.2.0(tasmota)
-- |   Hardware: ESP8266EX
-- |   MAC address: e8:db:84:01:02:03
-- |_  Control without password: true

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = { "MAC address" }
volatile = {}
finding = { ["Control without password"] = "medium" }

local api = require "http.api"
local device = require "device"
local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.http

local function table_of(status)
  local values = {
    name = api.dig(status, "Status", "DeviceName") or api.dig(status, "Status", "FriendlyName", 1),
    host = api.dig(status, "StatusNET", "Hostname"), version = api.dig(status, "StatusFWR", "Version"),
    hardware = api.dig(status, "StatusFWR", "Hardware"), mac = api.dig(status, "StatusNET", "Mac"),
  }
  return device.pick(values, { { "Name", "name" }, { "Host name", "host" }, { "Version", "version" },
    { "Hardware", "hardware" }, { "MAC address", "mac", device.mac } })
end

-- The version that stands in front of the author's name.
local function version_of(body)
  local at = body:find(" by Theo Arends<", 1, true)
  local version = at and body:sub(math.max(at - 80, 1), at - 1):match("^.*Tasmota (.+)")
  return version and not version:find("[^%w. ()-]") and version or nil
end

function action(host, port)
  local page = api.first(port, http.get(host, port, "/", { redirect_ok = false }))
  local version = version_of(page.body or "")
  if page.status ~= 200 or not version then
    return nil
  end
  local status = api.follow(host, port, "/cm?cmnd=Status%200")
  local output = status and table_of(status)
  if output then
    output["Control without password"] = true
    return output
  end
  output = stdnse.output_table()
  output.Version = version
  return output
end
