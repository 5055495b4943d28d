-- sip-methods on the exchange with Kamailio over UDP and TCP, digest logins, and others.
local test, check, fake = ...
local script, sip = require "support.script", require "sip"
local digest = require "support.digest"
local udp = { number = 5060, service = "sip", protocol = "udp" }

-- What Kamailio answers, with the transaction that was asked for.
local function answer(request, status, extra)
  local lines = { "SIP/2.0 " .. status }
  for _, name in ipairs({ "Via", "From", "To", "Call-ID", "CSeq" }) do
    lines[#lines + 1] = name .. ": " .. request:match("\r\n" .. name:gsub("%-", "%%-") .. ": ([^\r]*)")
  end
  return table.concat(lines, "\r\n") .. "\r\n" .. (extra or "") .. "Content-Length: 0\r\n\r\n"
end

local allowed = "Allow: INVITE,ACK,CANCEL,BYE,OPTIONS,REGISTER\r\n"
  .. "Server: kamailio (5.6.3 (x86_64/linux))\r\n"

local function server(status, extra)
  return function(peer)
    local request = peer:recv()
    while request do
      peer:send(answer(request, "100 Trying"))
      peer:send(answer(request, status, extra))
      request = peer:recv()
    end
  end
end

test("methods and software are shown", function()
  for _, protocol in ipairs({ "udp", "tcp" }) do
    fake.servers[protocol .. ":5060"] = server("200 OK", allowed)
    local text, data = script.run("sip-methods", { number = 5060, service = "sip",
      protocol = protocol })
    check.equal(text, "INVITE,ACK,CANCEL,BYE,OPTIONS,REGISTER")
    check.same(data, { "INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "REGISTER" })
    check.equal(fake.stored(5060).version.product, "kamailio (5.6.3 (x86_64/linux))")
  end
end)

test("refusals, requests and silence give none", function()
  for _, other in ipairs({ server("403 Forbidden"), server("200 OK"),
    script.server({ { "", "OPTIONS sip:x SIP/2.0\r\n\r\n" } }), script.server({ { "", false } }) }) do
    fake.servers["udp:5060"] = other
    check.equal(script.run("sip-methods", udp), nil)
  end
end)

test("a registration answers the challenge", function()
  local asked = {}
  fake.servers["udp:5060"] = function(peer)
    local request = peer:recv()
    while request do
      asked[#asked + 1] = request
      local taken = request:find("\r\nAuthorization: ", 1, true)
      peer:send(answer(request, taken and "200 OK" or "401 Unauthorized", not taken
        and 'WWW-Authenticate: Digest realm="lab.test", nonce="abcdef0123456789"\r\n' or nil))
      request = peer:recv()
    end
  end
  local helper = sip.Helper:new({ ip = "192.0.2.1" }, { number = 5060, protocol = "udp" })
  check.truthy(helper:connect())
  helper:setCredentials("lab", "secret")
  local status, response = helper:register()
  check.truthy(status, tostring(response))
  local function md5(text)
    return (digest.md5(text):gsub(".", function(c)
      return ("%02x"):format(c:byte())
    end))
  end
  check.contains(asked[2], 'response="' .. md5(md5("lab:lab.test:secret") .. ":abcdef0123456789:"
    .. md5("REGISTER:sip:192.0.2.1")) .. '"')
  check.contains(asked[2], "CSeq: 2 REGISTER")
end)

test("a challenge that is no digest fails, and does not loop", function()
  fake.servers["udp:5060"] = server("401 Unauthorized", "WWW-Authenticate: Basic realm=x\r\n")
  local helper = sip.Helper:new({ ip = "192.0.2.1" }, { number = 5060, protocol = "udp" })
  helper:connect()
  check.fails(helper:register())
end)

test("a challenge that is one long word is no challenge, at once", function()
  local auth = sip.SipAuth:new("Digest realm=x, " .. ("a"):rep(200000) .. (" "):rep(200000))
  check.equal(auth:parseChallenge(), false)
end)

test("a header of blanks is read in time", function()
  local response = sip.Response:new("SIP/2.0 200 OK\r\nAllow:" .. (" "):rep(100000) .. "x"
    .. (" "):rep(100000) .. "\r\n\r\n")
  check.equal(response:getHeader("allow"), "x")
end)

test("lines that end in other ways are taken apart at once", function()
  local response = require("sip").Response:new("SIP/2.0 200 OK\r\nAllow: " .. ("a"):rep(100000)
    .. "\rServer: x\n\r\n")
  check.equal(response:getHeader("Server"), "x")
  check.quick(require("sip").Response.new, require("sip").Response, ("a"):rep(100000) .. "\r\r")
end)

test("a server that is busy, or says so for who is not there, is known for what it is", function()
  fake.servers["udp:5060"] = server("480 Temporarily Unavailable", "Server: kamailio (5.6.3)\r\n")
  check.throws("busy", script.run, "sip-methods", udp)
  check.equal((fake.stored(5060) or {}).version.product, "kamailio (5.6.3)")
end)
