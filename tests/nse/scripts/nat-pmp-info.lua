-- nat-pmp-info on an exchange as RFC 6886, section 3.2, has it.
local test, check, fake = ...
local script, natpmp = require "support.script", require "natpmp"
local port = { number = 5351, service = "nat-pmp", protocol = "udp" }

test("the outer address is shown", function()
  fake.servers["udp:5351"] = script.server({ { "\0\0", "\0\x80\0\0\0\0\1\x2c\xc0\0\2\x0d" } })
  local text, data = script.run("nat-pmp-info", port)
  check.equal(text, "  WAN IP: 192.0.2.13")
  check.same(data, { ["WAN IP"] = "192.0.2.13" })
end)

test("a router that refuses, or is silent, gives none", function()
  for _, answer in ipairs({ "\0\x80\0\2\0\0\1\x2c", false, "\0\x80\0\0", "" }) do
    fake.servers["udp:5351"] = script.server({ { "", answer } })
    check.equal(script.run("nat-pmp-info", port), nil)
  end
end)

test("ports are mapped, and refusals are told in words", function()
  local helper = natpmp.Helper:new({ ip = "192.0.2.1" }, { number = 5351, protocol = "udp" })
  fake.servers["udp:5351"] = script.server({
    { "\0\1\0\0\0\x50\x1f\x90\0\0\x0e\x10", "\0\x81\0\0\0\0\0\1\0\x50\x1f\x91\0\0\7\8" },
  })
  local status, response = helper:mapPort(8080, 80, "udp")
  check.truthy(status, tostring(response))
  check.same({ response.privport, response.pubport, response.lifetime }, { 80, 8081, 1800 })
  fake.servers["udp:5351"] = script.server({ { "", "\0\x82\0\2\0\0\0\1" } })
  local refused, reason = helper:mapPort(80, 80, "tcp")
  check.same({ refused, reason }, { false, "not authorized" })
end)
