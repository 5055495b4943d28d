-- xdmcp-discover on the exchange with xdm, and with managers that are not willing.
local test, check, fake = ...
local script, hex = require "support.script", require("stdnse").fromhex
local port = { number = 177, service = "xdmcp", protocol = "udp" }
local query = hex "00010002000100"
local willing = hex("0001000500240000000d6465736b2e6c61622e74657374001157696c6c696e6720746f206d61"
  .. "6e616765")
local accept = hex("00010008002e1b4c86820000000000124d49542d4d414749432d434f4f4b49452d310010f8407b"
  .. "9573fb7d9d632aaccb49f2a000")

test("a session that is offered is shown", function()
  fake.servers["udp:177"] = script.server({ { query, willing }, { "\0\1\0\7", accept } })
  check.equal(script.run("xdmcp-discover", port), [[
  Hostname: desk.lab.test
  Status: Willing to manage
  Session id: 0x1B4C8682
  Authorization name: MIT-MAGIC-COOKIE-1
  Authorization data: f8407b9573fb7d9d632aaccb49f2a000]])
end)

test("a manager that declines the session is shown all the same", function()
  local decline = "\0\1\0\9" .. string.pack(">s2", string.pack(">s2s2s2", "no", "", ""))
  fake.servers["udp:177"] = script.server({ { query, willing }, { "\0\1\0\7", decline } })
  local _, data = script.run("xdmcp-discover", port)
  check.same(data, { Hostname = "desk.lab.test", Status = "Willing to manage" })
end)

test("one that is not willing, or silent, is none", function()
  local unwilling = "\0\1\0\6" .. string.pack(">s2", string.pack(">s2s2", "desk", "no"))
  for _, answer in ipairs({ unwilling, false, "\0\1\0\5\0\xff" }) do
    fake.servers["udp:177"] = script.server({ { "", answer } })
    check.equal(script.run("xdmcp-discover", port), nil)
  end
end)
