description = [[
Finds OpenVPN servers by the answer to the reset with which a client begins (OpenVPN's protocol,
"P_CONTROL_HARD_RESET"). A server that asks for a key on its control channel (tls-auth, tls-crypt)
says nothing to strangers: one that answers lets anyone reach its TLS.
]]
---
-- @output
-- | openvpn-info:
-- |_  Control channel: open (no tls-auth or tls-crypt)

author = "Muster"
license = "Apache-2.0"
categories = { "version", "discovery", "safe" }

identity = {}
volatile = {}

local asker = require "asker"
local comm = require "comm"
local rand = require "rand"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.version_port_or_service(1194, "openvpn", { "tcp", "udp" },
  { "open", "open|filtered" })

-- Operation codes, above three bits of the key's number.
local client_reset, server_reset, acknowledgement = 7 << 3, 8 << 3, 5 << 3

function action(host, port)
  local session = rand.random_string(8)
  -- no acknowledgements, packet 0
  local packet = string.char(client_reset) .. session .. "\0\0\0\0\0"
  local tcp = port.protocol == "tcp"
  local status, reply = comm.exchange(host, port, tcp and string.pack(">s2", packet) or packet,
    { proto = port.protocol, timeout = 4000, tries = 2 })
  if not status then
    return asker.unanswered(port, { "openvpn" }, reply)
  elseif tcp then
    reply = #reply > 2 and reply:sub(3) or ""
  end
  -- it acknowledges our packet and repeats our session; one that is busy with another client does
  -- no more than that
  local kind = reply:byte()
  if kind ~= server_reset and kind ~= acknowledgement or not reply:find(session, 10, true) then
    return nil
  end
  nmap.set_port_state(host, port, "open")
  port.version.name, port.version.product = "openvpn", "OpenVPN"
  nmap.set_port_version(host, port, "hardmatched")
  local output = stdnse.output_table()
  output["Control channel"] = "open (no tls-auth or tls-crypt)"
  return output
end
