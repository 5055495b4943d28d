description = [[
Shows the version and platform that a TeamSpeak 3 server tells over its query interface before any
login.
]]
---
-- Asks "version" (TeamSpeak 3 ServerQuery manual).
--
-- @output
-- | teamspeak-info:
-- |   Version: 3.13.7
-- |   Build: 1655727713
-- |_  Platform: Linux

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = {}

local asker = require "asker"
local drain = require "drain"
local greeting = require "greeting"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(10011, "teamspeak", "tcp")

local function member(text, name)
  return text:match("%f[%w]" .. name .. "=(%S+)")
end

function action(host, port)
  local text, reason = drain.all(host, port, "version\nquit\n", { bytes_max = 8192,
    last = function(so_far)
      local _, at = so_far:find("error id=%d")
      return at ~= nil and so_far:find("\n", at, true) ~= nil
    end })
  if not text or not text:find("^TS3[\r\n]") then
    return asker.unanswered(port, { "teamspeak", plain = true }, reason)
  end
  local output, line = stdnse.output_table(), text:match("[\r\n](version=[^\r\n]*)") or ""
  if line == "" and not text:find("error id=%d") then
    asker.broken_off("TIMEOUT")
  end
  output.Version = member(line, "version")
  output.Build = member(line, "build")
  output.Platform = member(line, "platform")
  -- who may not ask for the version is told so
  output.Refusal = line == "" and text:match("error id=%d+ msg=(%S+)") or nil
  if output.Refusal then
    output.Refusal = output.Refusal:gsub("\\s", " ")
  end
  greeting.store(host, port, { name = "teamspeak", product = "TeamSpeak 3 ServerQuery",
    version = output.Version, cpe = {} })
  return output
end
