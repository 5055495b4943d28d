description = [[
Shows what an RTSP server calls itself, and whether it describes its default stream to anyone.
]]
---
-- @output
-- | rtsp-info:
-- |   Server: Hipcam RealServer/V1.0
-- |_  Stream: open (H264)

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = {}
finding = { Stream = "medium" }

local asker = require "asker"
local rtsp = require "rtsp"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service({ 554, 8554 }, { "rtsp", "rtsp-alt" })

-- The codecs that a session's description names (RFC 4566, a=rtpmap:96 H264/90000).
local function codecs(sdp)
  local names, seen = {}, {}
  for name in sdp:gmatch("a=rtpmap:%d+ ([%w%-]+)/") do
    if not seen[name] then
      seen[name] = true
      names[#names + 1] = name
    end
  end
  return table.concat(names, ", ")
end

function action(host, port)
  local helper = rtsp.Helper:new(host, port)
  local status, response = helper:connect()
  local address = host.ip:find(":", 1, true) and "[" .. host.ip .. "]" or host.ip
  if status then
    status, response = helper:describe(("rtsp://%s:%d/"):format(address, port.number))
    helper:close()
  end
  if not status then
    return asker.unanswered(port, { "rtsp", "rtsp-alt" }, response)
  end
  local output = stdnse.output_table()
  output.Server = response:getHeader("Server")
  local realm = (response:getHeader("WWW-Authenticate") or ""):match('realm="([^"]*)"')
  output.Realm = realm
  if response.status == 200 and response.body:find("^v=0") then
    output.Stream = ("open (%s)"):format(codecs(response.body))
  end
  return #output > 0 and output or nil
end
