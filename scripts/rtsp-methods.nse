description = [[
Shows the methods that an RTSP server (cameras, players) says it supports.
]]
---
-- @args rtsp-methods.path  The path to ask about ("*").
--
-- @output
-- |_rtsp-methods: OPTIONS, DESCRIBE, SETUP, TEARDOWN, PLAY

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = {}
volatile = {}

local asker = require "asker"
local rtsp = require "rtsp"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service({ 554, 8554 }, { "rtsp", "rtsp-alt" })

function action(host, port)
  local helper = rtsp.Helper:new(host, port)
  local status, response = helper:connect()
  if status then
    status, response = helper:options(stdnse.get_script_args(SCRIPT_NAME .. ".path") or "*")
    helper:close()
  end
  if not status then
    return asker.unanswered(port, { "rtsp", "rtsp-alt" }, response)
  end
  return response.status == 200 and (response:getHeader("Public") or response:getHeader("Allow"))
    or nil
end
