-- iscsi-info on exchanges recorded from tgtd 1.0.85.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 3260, service = "iscsi" }

test("targets are shown, and which want a login", function()
  script.replay("iscsi-info")
  local text, data = script.run("iscsi-info", port)
  check.equal(text, [[
  iqn.2026-11.org.example:open: 
    Address: 127.0.0.1:3260,1
    Authentication: NOT required
  iqn.2026-11.org.example:chap: 
    Address: 127.0.0.1:3260,1
    Authentication: required
    Auth reason: Authentication failure]])
  check.equal(data["iqn.2026-11.org.example:open"].Authentication, "NOT required")
end)

local function refusal(code)
  return string.pack(">BBI2I4", 0x23, 0x81, 0, 0) .. ("\0"):rep(28) .. string.pack(">I2", code)
    .. ("\0"):rep(10)
end

test("what passes is no login that is required", function()
  -- the connections after the first are closed at once, or refused for now
  script.replay("iscsi-info", nil, { 1, 2, 0 })
  check.throws("EOF", script.run, "iscsi-info", port)
  for code, name in pairs({ [0x0206] = "Too many", [0x0300] = "Target error",
    [0x0301] = "unavailable", [0x0302] = "resources" }) do
    script.replay("iscsi-info", function(answer)
      return answer:find("AuthMethod=CHAP", 1, true) and refusal(code) or answer
    end)
    check.throws(name, script.run, "iscsi-info", port)
    fake.servers["tcp:3260"] = fake.replies(nil, { refusal(code) })
    check.throws(name, script.run, "iscsi-info", port)
  end
end)

test("a list that breaks off is no result", function()
  local login = string.pack(">BBI2BI3", 0x23, 0x81, 0, 0, 0) .. ("\0"):rep(40)
  fake.servers["tcp:3260"] = fake.replies(nil, { login, login }, true)
  check.throws("TIMEOUT", script.run, "iscsi-info", port)
end)

test("a portal that wants a login for the list tells nothing", function()
  fake.servers["tcp:3260"] = fake.replies(nil, { refusal(0x0201) })
  check.equal(script.run("iscsi-info", port), nil)
end)

test("a list in several answers is put together", function()
  local iscsi = require "iscsi"
  local login = string.pack(">BBI2BI3", 0x23, 0x81, 0, 0, 0) .. ("\0"):rep(40)
  local function text(flags, data)
    return string.pack(">BBI2BI3", 0x24, flags, 0, 0, #data) .. ("\0"):rep(40) .. data
      .. ("\0"):rep(-#data % 4)
  end
  fake.servers["tcp:3260"] = fake.replies(nil, { login, login,
    text(0, "TargetName=iqn.a\0TargetAdd"), text(0x80, "ress=192.0.2.1:3260,1\0") })
  local helper = iscsi.Helper:new(script.host(), script.port(port))
  check.truthy(helper:connect())
  local status, targets = helper:discoverTargets()
  check.truthy(status)
  check.same(targets, { { name = "iqn.a", addr = { "192.0.2.1:3260,1" } } })
end)

test("another server has none", function()
  fake.servers["tcp:3260"] = fake.replies("220 ftp\r\n")
  check.equal(script.run("iscsi-info", port), nil)
end)

test("a name is proved by CHAP with what the target drew, and a wrong one refused", function()
  local iscsi, openssl, stdnse = require "iscsi", require "openssl", require "stdnse"
  local recorded = script.replay("iscsi-chap")
  local challenge = recorded[1][2][2]:match("CHAP_C=0x(%x+)")
  local said = {}
  local function login(password)
    local helper = iscsi.Helper:new(script.host(), script.port(port))
    helper:connect()
    local send = helper.socket.send
    helper.socket.send = function(self, data)
      said[#said + 1] = data
      return send(self, data)
    end
    local status, answer = helper:login("iqn.2026-01.test:disk1", "lab", password)
    helper:logout()
    return status, answer:getErrorCode(), tostring(answer)
  end
  local function shown(...)
    return table.concat({ tostring((...)), select(2, ...) }, " ")
  end
  check.equal(shown(login("secretsecret")), "true 0 Success")
  check.contains(said[3], "CHAP_R=0x" .. stdnse.tohex(openssl.md5("\1secretsecret"
    .. stdnse.fromhex(challenge))))
  check.equal(shown(login("wrong")), "false 513 Authentication failure")
end)

test("a target that wants another CHAP gets no answer", function()
  local iscsi = require "iscsi"
  script.replay("iscsi-chap", function(answer)
    return (answer:gsub("CHAP_A=5", "CHAP_A=7"))
  end)
  local helper = iscsi.Helper:new(script.host(), script.port(port))
  helper:connect()
  local status, answer = helper:login("iqn.2026-01.test:disk1", "lab", "secretsecret")
  check.equal(status, false)
  check.equal(answer:getErrorMessage(), "the target asks for another kind of CHAP")
end)
