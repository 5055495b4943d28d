-- kerberos-info on what krb5kdc 1.20 answered over TCP and UDP, and on errors built as RFC 4120 has them.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 88, service = "kerberos-sec" }
local then_ = 1796038091 -- 2026-11-30 11:28:11 UTC

local function answer_of()
  return script.recorded("kerberos-info")[1][1][2]
end

local function says(text)
  fake.now = then_
  fake.servers["tcp:88"] = fake.replies(nil, { text }, true)
end

test("a server is told by its refusal, over TCP and UDP", function()
  script.replay("kerberos-info")
  fake.now = then_
  check.equal(script.run("kerberos-info", port), "  Answer: client unknown")
  check.equal(fake.stored(88).version.name, "kerberos-sec")
  script.replay("kerberos-udp")
  check.equal(script.run("kerberos-info", { number = 88, protocol = "udp", service = "kerberos-sec" }),
    "  Answer: client unknown")
end)

test("a clock that is too far off for tickets is told, one that is near is not", function()
  for seconds, off in pairs({ [-299] = false, [299] = false, [-302] = true, [86400] = true }) do
    says(answer_of())
    fake.now = then_ + seconds
    local _, data = script.run("kerberos-info", port)
    check.equal(data.Clock ~= nil, off, tostring(seconds))
  end
end)

test("a realm that the server names is shown", function()
  -- 68, KDC_ERR_WRONG_REALM, with the server's own realm for ours
  says((answer_of():gsub("\166\3\2\1\6", "\166\3\2\1\68")
    :gsub("\169\16\27\14MUSTER.INVALID", "\169\16\27\14AD.LAB.EXAMPLE")))
  check.equal(script.run("kerberos-info", port), "  Answer: wrong realm\n  Realm: AD.LAB.EXAMPLE")
end)

test("an answer that comes in pieces is put together", function()
  fake.now = then_
  fake.servers["tcp:88"] = function(peer)
    peer:recv()
    peer:send(answer_of():sub(1, 3))
    peer:send(answer_of():sub(4, 50))
    peer:send(answer_of():sub(51))
  end
  check.equal(script.run("kerberos-info", port), "  Answer: client unknown")
end)

test("lengths that lie, answers that are cut and other servers give none", function()
  local whole = answer_of()
  for _, text in ipairs({ whole:sub(1, 4), whole:sub(1, 60), "\0\0\0\2\126\0", "\0\0\0\4\126\132\255\255",
    "\0\0\0\6\126\132\255\255\255\255", "\0\0\0\4\126\2\48\5", "\0\0\0\4\126\2\48\0", "\255\255\255\255\126",
    "HTTP/1.1 400 Bad Request\r\n\r\n", (whole:gsub("\161\3\2\1\30", "\161\3\2\1\11")) }) do
    fake.servers["tcp:88"] = fake.replies(nil, { text })
    check.equal(script.run("kerberos-info", port), nil)
  end
end)
