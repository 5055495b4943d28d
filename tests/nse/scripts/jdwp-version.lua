-- jdwp-version on what OpenJDK 17 answered.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 8000, service = "http-alt" }

test("a program that waits for a debugger is told with its version", function()
  script.replay("jdwp-version")
  local text, data = script.run("jdwp-version", port)
  check.equal(text, [[
  Version: 17.0
  VM: OpenJDK 64-Bit Server VM
  VM version: 17.0.15]])
  check.equal(data.VM, "OpenJDK 64-Bit Server VM")
  check.equal(fake.stored(8000).version.product, "Java Debug Wire Protocol")
end)

test("a web server is none", function()
  fake.servers["tcp:8000"] = fake.replies(nil, { "HTTP/1.1 400 Bad Request\r\n\r\n" })
  check.equal(script.run("jdwp-version", port), nil)
end)

test("a program that shakes hands, and does not tell its version, is an error", function()
  for _, how in ipairs({ "hang", "end" }) do
    fake.servers["tcp:8000"] = fake.replies(nil, { "JDWP-Handshake" }, how == "hang")
    check.throws("no answer", script.run, "jdwp-version", port)
  end
  fake.servers["tcp:8000"] = fake.replies(nil, { "JDWP-Handshake", "HTTP/1.1 400 Bad Request\r\n\r\n" })
  check.equal(script.run("jdwp-version", port), nil)
  -- an echo server
  fake.servers["tcp:8000"] = function(peer)
    while true do
      peer:send(peer:recv())
    end
  end
  check.equal(script.run("jdwp-version", port), nil)
end)
