-- auth-owners on what oidentd answered about a port of OpenSSH.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 22, service = "ssh" }

local function ask(answer)
  fake.ports = { ["tcp:113"] = { state = "open" } }
  fake.servers["tcp:22"] = fake.replies("SSH-2.0-OpenSSH_9.2\r\n", {}, true)
  fake.servers["tcp:113"] = fake.replies(nil, { answer }, true)
  return script.run("auth-owners", port)
end

test("the owner is shown", function()
  local recorded = script.replay("auth-owners").also["tcp:113"]
  -- our side of the connection had another port then
  check.equal(ask((recorded[1][1][2]:gsub("^(%d+%s*,%s*)%d+", "%140000"))), "root")
  check.equal(ask("22, 40000 : USERID : UNIX ,US-ASCII : www data\r\n"), "www data")
end)

test("an error, another pair of ports and another service give none", function()
  check.equal(ask("22, 40000 : ERROR : HIDDEN-USER\r\n"), nil)
  check.equal(ask("22, 40001 : USERID : UNIX : root\r\n"), nil)
  check.equal(ask("HTTP/1.1 400 Bad Request\r\n"), nil)
end)

test("the service itself is asked about, too", function()
  fake.ports = { ["tcp:113"] = { state = "open" } }
  fake.servers["tcp:113"] = fake.replies(nil, { "113, 40000 : USERID : UNIX : nobody\r\n" }, true)
  check.equal(script.run("auth-owners", { number = 113, service = "auth" }), "nobody")
end)

test("a host without the service is not asked", function()
  fake.ports = {}
  check.same({ script.run("auth-owners", port) }, { nil, nil, false })
end)
