description = [[
Shows the methods that a SIP server or telephone says it supports when asked with OPTIONS, and what
it calls itself.
]]
---
-- @output
-- |_sip-methods: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, SUBSCRIBE, NOTIFY, INFO

author = "Muster"
license = "Apache-2.0"
categories = { "default", "safe", "discovery" }

identity = {}
volatile = {}

local asker = require "asker"
local shortport = require "shortport"
local sip = require "sip"
local stringaux = require "stringaux"

portrule = shortport.port_or_service(5060, "sip", { "tcp", "udp" })

local function note_version(host, port, response)
  local software = response:getHeader("Server") or response:getHeader("User-Agent")
  if software and software ~= "" and not port.version.product then
    port.version.name, port.version.product = "sip", software:gsub("%c", ".")
    nmap.set_port_version(host, port, "softmatched")
  end
end

function action(host, port)
  local session = sip.Session:new(host, port)
  local status, response = session:connect()
  if status then
    status, response = session:options()
    session:close()
  end
  if not status then
    return asker.unanswered(port, { "sip" }, response)
  end
  nmap.set_port_state(host, port, "open")
  note_version(host, port, response)
  -- RFC 3261, section 21: a telephone that is busy, a server that is
  asker.check_busy(response:getErrorCode(), "^408$", "^48[06]$", "^50[034]$")
  local allow = response:getErrorCode() == sip.Error.OK and response:getHeader("Allow")
  if not allow or allow == "" then
    return nil
  end
  return stringaux.strsplit(",%s*", allow), allow
end
