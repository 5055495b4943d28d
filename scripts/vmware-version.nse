description = [[
Shows the version of a VMware server (vCenter, ESX, ESXi) as its web service tells it without a login.
]]
---
-- @output
-- | vmware-version:
-- |   Server version: VMware ESXi 7.0.3
-- |   Build: 21424296
-- |   Locale version: INTL 000
-- |   OS type: vmnix-x86
-- |_  Product Line ID: embeddedEsx

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe", "version" }

identity = { "Instance UUID" }
volatile = {}

local http = require "http"
local api = require "http.api"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.version_port_or_service({ 443, 8443, 902 }, { "https", "vmware-auth" }, "tcp")

-- vSphere Web Services: RetrieveServiceContent of the object that every server has.
local question = [[<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">]]
  .. [[<soap:Body><RetrieveServiceContent xmlns="urn:internalvim25">]]
  .. [[<_this type="ServiceInstance">ServiceInstance</_this>]]
  .. [[</RetrieveServiceContent></soap:Body></soap:Envelope>]]

local function field(about, name)
  return about:match("<" .. name .. ">([^<]*)</" .. name .. ">")
end

function action(host, port)
  local response = api.first_or_refused(host, port, http.post(host, port, "/sdk",
    { header = { ["Content-Type"] = "text/xml; charset=utf-8", SOAPAction = "urn:internalvim25" } },
    nil, question))
  local body = response.status == 200 and response.body or ""
  local first = body:find("<about>", 1, true)
  if not first then
    return nil
  end
  local about = body:sub(first, first + 8192)
  local output = stdnse.output_table()
  local name, version = field(about, "name"), field(about, "version")
  output["Server version"] = name and version and name .. " " .. version or name or version
  output.Build = field(about, "build")
  output["Locale version"] = (field(about, "localeVersion") or "") .. " "
    .. (field(about, "localeBuild") or "")
  output["OS type"] = field(about, "osType")
  output["Product Line ID"] = field(about, "productLineId")
  output["Instance UUID"] = field(about, "instanceUuid")
  port.version.product, port.version.version = name, version
  nmap.set_port_version(host, port)
  return output
end
