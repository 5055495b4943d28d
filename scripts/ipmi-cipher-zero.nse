description = [[
Finds management controllers (IPMI 2.0) that open a session with cipher suite 0, which asks for no
authentication: whoever knows a user's name gets in with any password (CVE-2013-4782). The session
is asked for and not used.
]]
---
-- @output
-- | ipmi-cipher-zero:
-- |   VULNERABLE:
-- |   IPMI 2.0 opens sessions with cipher suite 0, without a password
-- |     State: VULNERABLE
-- |     IDs:  CVE:CVE-2013-4782
-- |_    Risk factor: High

author = "Muster"
license = "Apache-2.0"
categories = { "vuln", "safe" }

identity = {}
volatile = {}
finding = "critical"

local asker = require "asker"
local comm = require "comm"
local ipmi = require "ipmi"
local shortport = require "shortport"
local vulns = require "vulns"

portrule = shortport.port_or_service(623, "asf-rmcp", "udp", { "open", "open|filtered" })

-- Does the controller tell that it knows IPMI 1.5 alone? Then it is silent to sessions of 2.0.
local function is_old(host, port)
  local status, reply = comm.exchange(host, port, ipmi.channel_auth_request(),
    { proto = "udp", timeout = 3000, tries = 2 })
  local info = status and ipmi.parse_channel_auth_reply(reply) or {}
  return info.ipmi_channel ~= nil and not info.ipmi_compat_20 and not info.ipmi_conn_20
end

function action(host, port)
  local status, reply = comm.exchange(host, port, ipmi.session_open_cipher_zero_request(),
    { proto = "udp", timeout = 3000, tries = 2 })
  local info = status and ipmi.parse_open_session_reply(reply) or {}
  if info.session_payload_type ~= ipmi.PAYLOADS.RMCPPLUSOPEN_REP then
    local lost = not status and asker.is_recognised(port, { "asf-rmcp" }) and not is_old(host, port)
    return lost and asker.broken_off(reply) or nil
  end
  nmap.set_port_state(host, port, "open")
  local vuln = {
    title = "IPMI 2.0 opens sessions with cipher suite 0, without a password",
    state = info.error_code == 0 and vulns.STATE.VULN or vulns.STATE.NOT_VULN,
    risk_factor = "High", IDS = { CVE = "CVE-2013-4782" },
    description = [[
The controller takes cipher suite 0, which leaves out authentication, integrity and encryption.
Whoever knows the name of a user can administer the machine with any password.]],
    references = { "http://fish2.com/ipmi/cipherzero.html",
      "https://www.us-cert.gov/ncas/alerts/TA13-207A" },
  }
  return vulns.Report:new(SCRIPT_NAME, host, port):make_output(vuln)
end
