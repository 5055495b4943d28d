-- ldap-rootdse on what OpenLDAP 2.5 answered.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 389, service = "ldap" }

test("the root entry is shown", function()
  script.replay("ldap-rootdse")
  local text, data = script.run("ldap-rootdse", port)
  check.contains(text, [[
LDAP Results
  <ROOT>
      namingContexts: dc=example,dc=com
      supportedControl: 2.16.840.1.113730.3.4.18]])
  check.contains(text, "supportedLDAPVersion: 3\n")
  check.contains(text, "subschemaSubentry: cn=Subschema")
  check.same(data["<ROOT>"].supportedLDAPVersion, { "3" })
  check.same(data["<ROOT>"].namingContexts, { "dc=example,dc=com" })
end)

test("a result whose code is no number is a failure", function()
  fake.servers["tcp:389"] = script.server({ { "objectClass",
    "\x30\x0d\2\1\2\x65\x08\4\1x\4\0\4\1y" }, { "", "\x30\x0c\2\1\1\x61\7\10\1\0\4\0\4\0" } })
  check.equal(script.run("ldap-rootdse", port), nil)
end)

test("another server gives none", function()
  fake.servers["tcp:389"] = script.server({ { "", "HTTP/1.1 400 Bad Request\r\n\r\n" } })
  check.equal(script.run("ldap-rootdse", port), nil)
end)
