-- A server that says that it is busy is there, and says nothing else: an error, and no result.
local test, check, fake = ...
local script, web = require "support.script", require "support.web"

local function coap(request)
  -- acknowledgement with our token: 5.03
  return string.char(0x60 | request:byte() & 15, 0xa3) .. request:sub(3, 4 + (request:byte() & 15))
end

local function sip(code)
  return function(request)
    return "SIP/2.0 " .. code .. " so\r\nAllow: INVITE\r\n" .. request:match("Call%-ID: [^\r]*\r\n")
      .. "Content-Length: 0\r\n\r\n"
  end
end

local function each(answer)
  return function(peer)
    local request = peer:recv()
    while request do
      peer:send(answer(request))
      request = peer:recv()
    end
  end
end

-- An answer of IPP: version 2.0, a status, request number 1, no attributes.
local function ipp(status)
  return { header = { ["Content-Type"] = "application/ipp" }, body = string.pack(">BBI2I4B", 2, 0, status, 1, 3) }
end

local function stream(condition)
  return "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' id='1'>"
    .. "<stream:error><" .. condition .. " xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
    .. "</stream:stream>"
end

local bind = "\x30\x0c\2\1\1\x61\7\10\1\0\4\0\4\0"

-- Script, "protocol:port", a server that is busy, one that refuses for good.
local cases = {
  { "ftp-bounce", "tcp:21", fake.replies("421 too many users\r\n"), fake.replies("530 no\r\n") },
  { "smtp-commands", "tcp:25", fake.replies("421 too busy\r\n"), fake.replies("554 no\r\n") },
  { "smtp-ntlm-info", "tcp:25", fake.replies("421 too busy\r\n"), fake.replies("554 no\r\n") },
  { "nntp-ntlm-info", "tcp:119", fake.replies("400 too many\r\n"), fake.replies("502 no\r\n") },
  { "nntp-capabilities", "tcp:119", fake.replies("400 too many\r\n"), fake.replies("502 no\r\n") },
  { "imap-ntlm-info", "tcp:143", fake.replies("* BYE too many\r\n"), fake.replies("* OK\r\n", { "a001 NO\r\n" }) },
  { "redis-info", "tcp:6379", script.server({ { "", "-LOADING Redis is loading\r\n" } }),
    script.server({ { "", "-NOAUTH Authentication required.\r\n" } }) },
  { "sip-methods", "udp:5060", each(sip(503)), each(sip(404)) },
  { "coap-resources", "udp:5683", each(coap), nil },
  { "ldap-rootdse", "tcp:389", script.server({ { "objectClass",
    "\x30\x0c\2\1\1\x65\7\10\1\x33\4\0\4\0" }, { "", bind } }), script.server({ { "objectClass",
    "\x30\x0c\2\1\1\x65\7\10\1\x32\4\0\4\0" }, { "", bind } }) },
  { "mqtt-info", "tcp:1883", fake.replies(nil, { "\x20\2\0\3" }, true), nil },
  { "xmpp-info", "tcp:5222", fake.replies(nil, { stream("resource-constraint") }), nil },
}

for _, case in ipairs(cases) do
  test(case[1] .. ": a server that is busy is an error", function()
    local protocol, number = case[2]:match("(%a+):(%d+)")
    local port = { number = tonumber(number), protocol = protocol, service = "-" }
    fake.servers[case[2]] = case[3]
    check.throws("busy", script.run, case[1], port)
    if case[4] then
      fake.servers[case[2]] = case[4]
      check.equal(script.run(case[1], port), nil)
    end
  end)
end

for _, name in ipairs({ "ipp-info", "cups-info", "cups-queue-info" }) do
  test(name .. ": a printer that is busy is an error", function()
    local port = { number = 631, service = "ipp" }
    for _, answer in ipairs({ ipp(0x507), ipp(0x502), { status = 503 } }) do
      web.serve(631, { default = answer })
      check.throws("busy", script.run, name, port)
    end
    web.serve(631, { default = ipp(0x406) })
    check.equal(script.run(name, port), nil)
  end)
end
