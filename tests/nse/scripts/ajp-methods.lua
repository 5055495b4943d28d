-- ajp-methods on the exchange with Tomcat, on a server that allows more, and on others.
local test, check, fake = ...
local script, hex = require "support.script", require("stdnse").fromhex
local port = { number = 8009, service = "ajp13" }
local reply = hex("414200340400c800033230300000020005416c6c6f770000184f5054494f4e532c204745542c"
  .. "20484541442c20504f535400a00300013000414200020501")

test("the methods are shown", function()
  fake.servers["tcp:8009"] = script.server({ { "\2\1\0\8HTTP/1.1", reply } })
  local text, data = script.run("ajp-methods", port)
  check.equal(text, "  Supported methods: OPTIONS GET HEAD POST\n")
  check.same(data, { ["Supported methods"] = { "OPTIONS", "GET", "HEAD", "POST" } })
  check.equal(fake.stored(8009).version.name, "ajp13")
end)

local function packet(status, allow)
  local headers = allow and "\0\1\0\5Allow\0" .. string.pack(">s2", allow) .. "\0" or "\0\0"
  return "AB" .. string.pack(">s2", "\4" .. string.pack(">I2", status) .. "\0\2OK\0" .. headers)
    .. "AB\0\2\5\1"
end

test("risky ones stand on a line of their own", function()
  fake.servers["tcp:8009"] = script.server({ { "", packet(200, "GET, PUT, TRACE") } })
  check.equal(script.run("ajp-methods", port), [[
  Supported methods: GET PUT TRACE
  Potentially risky methods: PUT TRACE
  See https://nmap.org/nsedoc/scripts/ajp-methods.html
]])
end)

test("a server that refuses is told, other protocols are not", function()
  fake.servers["tcp:8009"] = script.server({ { "", packet(403) } })
  check.equal(script.run("ajp-methods", port), "OPTIONS is answered with 403, without methods")
  fake.servers["tcp:8009"] = script.server({ { "", "HTTP/1.1 400\r\n\r\n" } })
  check.equal(script.run("ajp-methods", port), nil)
end)
