-- ipmi-version on the exchange with OpenIPMI's simulator, and on silence.
local test, check, fake = ...
local script, hex = require "support.script", require("stdnse").fromhex
local port = { number = 623, service = "asf-rmcp", protocol = "udp" }
local request = hex "0600ff07000000000000000000092018c88100388e04b5"
local reply = hex "0600ff0700000000000000000010811c6320003800019706030000000007"

test("versions and ways to authenticate are shown", function()
  fake.servers["udp:623"] = script.server({ { request, reply } })
  local text, data = script.run("ipmi-version", port)
  check.equal(text, [[
  Version: 
    IPMI-2.0
  UserAuth: password, md5, md2, null
  PassAuth: auth_msg, auth_user, non_null_user, null_user
  Level: 1.5, 2.0]])
  check.same(data.Version, { "IPMI-2.0" })
  check.same(data.Level, { "1.5", "2.0" })
  check.equal(fake.stored(623).version.product, "IPMI-2.0")
end)

test("a controller of IPMI 1.5 with a maker's own way", function()
  local old = reply:sub(1, 22) .. "\x24\x1c\1\x57\1\0\0\0"
  fake.servers["udp:623"] = script.server({ { request, old } })
  local _, data = script.run("ipmi-version", port)
  check.same(data, { Version = { "IPMI-1.5" }, UserAuth = { "oem_auth", "md5" },
    PassAuth = { "non_null_user" }, Level = { "1.5" }, OEMID = 343 })
end)

test("silence, refusals and pings of RMCP give none", function()
  local refused = reply:sub(1, 20) .. "\xcc" .. reply:sub(22)
  local pong = hex "0600ff06000011be40000010000011be000000008100000000000000"
  for _, answer in ipairs({ false, refused, pong, "\6", "" }) do
    fake.servers["udp:623"] = script.server({ { "", answer } })
    check.equal(script.run("ipmi-version", port), nil)
  end
end)
