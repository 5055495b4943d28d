-- wsman-info on answers as DSP0226 and [MS-WSMV] have them.
local test, check = ...
local script, web = require "support.script", require "support.web"
local port = { number = 5985, service = "winrm" }

local function identity(prefix, vendor, version)
  local tag = prefix .. (prefix ~= "" and ":" or "")
  return { header = { ["Content-Type"] = "application/soap+xml;charset=UTF-8" }, body =
    '<s:Envelope xml:lang="en-US" xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header/><s:Body><'
    .. tag .. "IdentifyResponse><" .. tag .. "ProtocolVersion>http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd</"
    .. tag .. "ProtocolVersion><" .. tag .. "ProductVendor>" .. vendor .. "</" .. tag .. "ProductVendor><" .. tag
    .. "ProductVersion> " .. version .. " </" .. tag .. "ProductVersion></" .. tag
    .. "IdentifyResponse></s:Body></s:Envelope>" }
end

test("vendor and version are shown, whatever the prefix", function()
  for _, prefix in ipairs({ "wsmid", "" }) do
    web.serve(5985, { ["POST /wsman"] = identity(prefix, "Microsoft Corporation", "OS: 0.0.0 SP: 0.0 Stack: 3.0") })
    check.equal(script.run("wsman-info", port), [[
  Protocol: http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd
  Vendor: Microsoft Corporation
  Version: OS: 0.0.0 SP: 0.0 Stack: 3.0]])
  end
end)

test("one that wants a login for it is told by how it asks", function()
  web.serve(5985, { ["POST /wsman"] = { status = 401, header = { Server = "Microsoft-HTTPAPI/2.0",
    ["WWW-Authenticate"] = "Negotiate" } } })
  check.equal(script.run("wsman-info", port), "  Authentication: \n    Negotiate")
  web.serve(5985, { ["POST /wsman"] = { status = 401, header = {
    ["WWW-Authenticate"] = 'Basic realm="WSMAN"' } } })
  check.equal(script.run("wsman-info", port), "  Authentication: \n    Basic")
end)

test("other web servers give none", function()
  for _, answer in ipairs({ "<html></html>", { status = 404 }, { status = 401 },
    { status = 401, header = { Server = "Microsoft-HTTPAPI/2.0" } },
    { status = 401, header = { ["WWW-Authenticate"] = 'Basic realm="router"' } },
    "<wsmid:IdentifyResponse></wsmid:IdentifyResponse>", "IdentifyResponse <ProtocolVersion>" }) do
    web.serve(5985, { default = answer })
    check.equal(script.run("wsman-info", port), nil)
  end
end)
