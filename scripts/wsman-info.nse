description = [[
Shows what a WS-Management service (Windows Remote Management, Open Management Infrastructure,
management boards) tells before a login: protocol, vendor, version.
]]
---
-- Asks Identify (DMTF DSP0226, section 11), as one who does not log in ([MS-WSMV], section 3.1.4.1.13).
--
-- @output
-- | wsman-info:
-- |   Protocol: http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd
-- |   Vendor: Microsoft Corporation
-- |_  Version: OS: 0.0.0 SP: 0.0 Stack: 3.0

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = {}

local api = require "http.api"
local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"
local stringaux = require "stringaux"

portrule = shortport.port_or_service({ 5985, 5986 }, { "winrm", "winrms", "wsman", "wsmans" }, "tcp")

local identify = '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
  .. ' xmlns:wsmid="http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd">'
  .. "<s:Header/><s:Body><wsmid:Identify/></s:Body></s:Envelope>"

-- Key, the element's name without its prefix.
local shown = {
  { "Protocol", "ProtocolVersion" }, { "Vendor", "ProductVendor" }, { "Version", "ProductVersion" },
}

-- The text of an element, whatever its prefix.
local function element(body, name)
  local text = body:match("<[%w_]*:?" .. name .. "[^<>]*>([^<>]+)</")
  text = text and stringaux.trim(text)
  return text ~= "" and text or nil
end

-- Where one must log in for it, too, the answer says how.
local function refused(response, output)
  local schemes = {}
  for _, line in ipairs(response.rawheader or {}) do
    local scheme = line:match("^[Ww][Ww][Ww]%-[Aa]uthenticate:%s*(%w+)")
    schemes[#schemes + 1] = scheme
  end
  table.sort(schemes)
  local server = response.header.server or ""
  if #schemes == 0 or not (server:find("^Microsoft%-HTTPAPI") or (response.header["www-authenticate"]
    or ""):find('realm="WSMAN"', 1, true)) then
    return nil
  end
  output.Authentication = schemes
  return output
end

function action(host, port)
  local response = api.first_or_refused(host, port, http.post(host, port, "/wsman", { header = {
    ["Content-Type"] = "application/soap+xml;charset=UTF-8", WSMANIDENTIFY = "unauthenticated",
  } }, nil, identify))
  local output, body = stdnse.output_table(), (response.body or ""):sub(1, 65536)
  if response.status == 401 then
    return refused(response, output)
  elseif response.status ~= 200 or not body:find("IdentifyResponse", 1, true) then
    return nil
  end
  for _, item in ipairs(shown) do
    output[item[1]] = element(body, item[2])
  end
  return output.Protocol and output or nil
end
