-- opcua-info on what a server of node-opcua answered, and on messages of OPC 10000-6, 7.1.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 4840, service = "opcua-tcp" }

local whole = [[
  Application name: Lab controller
  Application URI: urn:lab:plant
  Product URI: Lab-PLC
  Application type: Server
  Endpoint URLs: 
    opc.tcp://localhost:4840/UA/Lab
  Endpoints: 
    None, None: anonymous, certificate, user name
    SignAndEncrypt, Basic256Sha256: anonymous, certificate, user name
  Anonymous without encryption: true]]

local recorded = script.recorded("opcua-info")[1]
local ack, opened, endpoints = recorded[1][2], recorded[2][2], recorded[3][2]

local function message(kind, chunk, body)
  return string.pack("<c3c1I4", kind, chunk, #body + 8) .. body
end

local function text(s)
  return s and string.pack("<s4", s) or "\xff\xff\xff\xff"
end

-- A response behind sequence header and channel: number of its type, result, what follows.
local function response(number, result, body)
  return message("MSG", "F", ("\0"):rep(16) .. "\1\0" .. string.pack("<I2", number) .. ("\0"):rep(12)
    .. string.pack("<I4", result) .. "\0" .. text(nil) .. "\0\0\0" .. body)
end

-- An endpoint with a mode, a policy and tokens.
local function endpoint(mode, policy, tokens)
  local list = string.pack("<I4", #tokens)
  for _, kind in ipairs(tokens) do
    list = list .. text("id") .. string.pack("<I4", kind) .. text(nil) .. text(nil) .. text(nil)
  end
  return text("opc.tcp://line3:4840") .. text("urn:line3") .. text("") .. "\3" .. text("en") .. text("Line 3")
    .. "\0\0\0\0" .. text(nil) .. text(nil) .. "\1\0\0\0" .. text("opc.tcp://line3:4840") .. text(nil)
    .. string.pack("<I4", mode) .. text("http://opcfoundation.org/UA/SecurityPolicy#" .. policy) .. list
    .. text(nil) .. "\1"
end

-- A server that answers the questions in turn; false: it says nothing more.
local function serve(...)
  local answers = { ... }
  fake.servers["tcp:4840"] = function(peer)
    for _, answer in ipairs(answers) do
      if not peer:recv() then
        return
      elseif not answer then
        peer:hang()
      end
      peer:send(answer)
    end
  end
end

test("a server tells its names and endpoints", function()
  script.replay("opcua-info")
  check.equal(script.run("opcua-info", port), whole)
  check.equal(fake.stored(4840).version.product, "Lab controller")
end)

test("a response in chunks is one", function()
  local head, rest = endpoints:sub(9, 24), endpoints:sub(25)
  serve(ack, opened, message("MSG", "C", head .. rest:sub(1, 1000)) .. message("MSG", "C", head
    .. rest:sub(1001, 1001)) .. message("MSG", "F", head .. rest:sub(1002)))
  check.equal(script.run("opcua-info", port), whole)
  serve(ack, opened, message("MSG", "C", head .. rest:sub(1, 1000)) .. message("MSG", "A", head))
  check.equal(script.run("opcua-info", port), nil)
end)

test("only what anyone may do without encryption is a finding", function()
  for _, case in ipairs({ { 1, { 0 }, true }, { 1, { 1, 2 }, nil }, { 3, { 0 }, nil } }) do
    serve(ack, opened, response(431, 0, "\1\0\0\0" .. endpoint(case[1], "None", case[2])))
    local _, data = script.run("opcua-info", port)
    check.equal(data["Application name"], "Line 3")
    check.equal(data["Anonymous without encryption"], case[3])
  end
end)

test("modes and tokens that are new have numbers", function()
  serve(ack, opened, response(431, 0, "\2\0\0\0" .. endpoint(9, "New", { 7 }) .. endpoint(9, "New", { 7 })))
  local _, data = script.run("opcua-info", port)
  check.same(data.Endpoints, { "?, New: type 7" })
  check.same(data["Endpoint URLs"], { "opc.tcp://line3:4840" })
end)

test("a server that is too busy, or falls silent, is an error", function()
  local function err(status)
    return message("ERR", "F", string.pack("<I4", status) .. text("no"))
  end
  serve(err(0x807d0000))
  check.throws("no answer, the server is busy", script.run, "opcua-info", port)
  serve(ack, err(0x807d0000))
  check.throws("no answer, the server is busy", script.run, "opcua-info", port)
  serve(ack, false)
  check.throws("no answer", script.run, "opcua-info", port)
  serve(ack, opened)
  check.throws("no answer", script.run, "opcua-info", port)
  -- others are refusals
  serve(err(0x80830000))
  check.equal(script.run("opcua-info", port), nil)
  serve(ack, opened, response(397, 0x800b0000, ""))
  check.equal(script.run("opcua-info", port), nil)
end)

test("another service, cut answers, and hostile lengths have none", function()
  for _, reply in ipairs({ "HTTP/1.0 400 Bad Request\r\n\r\n", "ACKF\xff\xff\xff\xff", "ACKF\0\0\0\0",
    "ACKF\7\0\0\0" .. ("\0"):rep(20), "MSGF\x10\0\0\0" .. ("\0"):rep(8) }) do
    serve(reply, false)
    check.equal(script.run("opcua-info", port), nil)
  end
  local list = "\1\0\0\0" .. endpoint(1, "None", { 0 })
  for length = 0, #list - 1 do
    serve(ack, opened, response(431, 0, list:sub(1, length)))
    check.equal(script.run("opcua-info", port), nil)
  end
  for _, count in ipairs({ "\xff\xff\xff\xff", "\xff\xff\xff\x7f", "\0\0\0\0" }) do
    serve(ack, opened, response(431, 0, count .. endpoint(1, "None", { 0 })))
    check.equal(script.run("opcua-info", port), nil)
  end
end)

test("a host of IPv6 is named in brackets", function()
  fake.servers["tcp:4840"] = function(peer)
    check.contains(peer:recv(), "opc.tcp://[2001:db8::1]:4840")
  end
  script.run("opcua-info", port, { host = { ip = "2001:db8::1" } })
end)
