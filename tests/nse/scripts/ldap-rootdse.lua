-- ldap-rootdse on what OpenLDAP 2.5 answered.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 389, service = "ldap" }

test("the root entry is shown", function()
  script.replay("ldap-rootdse")
  local text = script.run("ldap-rootdse", port)
  check.contains(text, [[
LDAP Results
  <ROOT>
      namingContexts: dc=example,dc=com
      supportedControl: 2.16.840.1.113730.3.4.18]])
  check.contains(text, "supportedLDAPVersion: 3\n")
  check.contains(text, "subschemaSubentry: cn=Subschema")
end)

test("another server gives none", function()
  fake.servers["tcp:389"] = script.server({ { "", "HTTP/1.1 400 Bad Request\r\n\r\n" } })
  check.equal(script.run("ldap-rootdse", port), nil)
end)
