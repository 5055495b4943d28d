-- vmware-version with an answer of the vSphere Web Services API.
local test, check = ...
local script, web = require "support.script", require "support.web"
local port = { number = 902, service = "vmware-auth" }

test("product, version and build are shown", function()
  web.serve(902, { ["POST /sdk"] = { header = { ["Content-Type"] = "text/xml" },
    body = [[<RetrieveServiceContentResponse xmlns="urn:vim25"><returnval><about>]]
      .. [[<name>VMware ESXi</name><fullName>VMware ESXi 7.0.3 build-21424296</fullName>]]
      .. [[<version>7.0.3</version><build>21424296</build><localeVersion>INTL</localeVersion>]]
      .. [[<localeBuild>000</localeBuild><osType>vmnix-x86</osType>]]
      .. [[<productLineId>embeddedEsx</productLineId></about></returnval>]] } })
  local text, data = script.run("vmware-version", port)
  check.equal(text, [[
  Server version: VMware ESXi 7.0.3
  Build: 21424296
  Locale version: INTL 000
  OS type: vmnix-x86
  Product Line ID: embeddedEsx]])
  check.equal(data.Build, "21424296")
end)

test("another web server is none", function()
  web.serve(902, {})
  check.equal(script.run("vmware-version", port), nil)
end)
