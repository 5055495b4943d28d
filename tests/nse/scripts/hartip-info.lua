-- hartip-info on messages as HART-IP's specification describes them.
local test, check, fake = ...
local script, stdnse = require "support.script", require "stdnse"
local tcp = { number = 5094, service = "hart-ip" }
local udp = { number = 5094, service = "hart-ip", protocol = "udp" }

local function message(kind, id, status, number, body)
  return string.pack(">BBBBI2I2", 1, kind, id, status, number, #body + 8) .. body
end

-- The frame of an answer to `request`, which begins with delimiter and address of `n` bytes.
local function frame(request, n, code, data)
  return string.char(request:byte(1) | 4) .. request:sub(2, n + 2) .. string.pack("s1", string.char(code, 0) .. data)
    .. "\0"
end

local identity = "\xfe\x26\xfe\5\7\3\x0c\x10\0\1\2\x0a\5\1\0\7\0\0\x26\0\x26\1"

-- A server; change(answer, request, n) gives what is sent instead, n: the number of the request.
local function serve(change, data)
  local requests = {}
  local function server(peer)
    for request in function() return peer:recv() end do
      requests[#requests + 1] = request
      local id, number, body = request:byte(3), string.unpack(">I2", request, 5), request:sub(9)
      local answer
      if id == 0 then
        answer = message(1, 0, 0, number, body)
      elseif id == 3 and body:byte(1) == 2 then
        answer = message(1, 3, 0, number, frame(body, 1, 0, data or identity))
      elseif id == 3 then
        answer = message(1, 3, 0, number, frame(body, 5, 0, "GATEWAY-7" .. ("\0"):rep(23)))
      elseif id == 1 then
        answer = message(1, 1, 0, number, "")
      end
      for _, piece in ipairs(change and change(answer, request, #requests) or { answer }) do
        peer:send(piece)
      end
    end
  end
  fake.servers["tcp:5094"], fake.servers["udp:5094"] = server, server
  return requests
end

local whole = [[
  Long tag: GATEWAY-7
  Manufacturer id: 0x0026
  Expanded device type: 0x26fe
  Device id: 01020a
  Unique address: 26fe01020a
  HART revision: 7
  Device revision: 3
  Software revision: 12
  Hardware revision: 2]]

test("a server tells what it is over TCP and UDP, and the session is closed", function()
  for _, port in ipairs({ tcp, udp }) do
    local requests = serve()
    check.equal(script.run("hartip-info", port), whole)
    check.equal(stdnse.tohex(requests[1]), "010000000001000d" .. "0100007530")
    check.equal(stdnse.tohex(requests[2]), "010003000002000d" .. "0280000082")
    check.equal(stdnse.tohex(requests[3]), "0100030000030011" .. "82a6fe01020a1400c7")
    -- the server has the last message when the socket is closed
    check.truthy(#requests <= 4)
  end
end)

test("an answer in pieces, and what is published meanwhile, are no trouble", function()
  serve(function(answer, request)
    local pieces = { request, message(2, 3, 0, 9, "\0"), message(1, 3, 0, 77, "\0") }
    for i = 1, #answer do
      pieces[#pieces + 1] = answer:sub(i, i)
    end
    return pieces
  end)
  check.equal(script.run("hartip-info", tcp), whole)
end)

test("one lost datagram is none", function()
  for lost = 1, 3 do
    serve(function(answer, _, n)
      return n ~= lost and { answer } or {}
    end)
    check.equal(script.run("hartip-info", udp), whole)
  end
end)

test("a device of HART 5 has no maker of its own, and one without a long tag none", function()
  serve(function(answer, request)
    return { request:byte(9) == 0x82 and message(1, 3, 0, 3, frame(request:sub(9), 5, 64, "")) or answer }
  end, "\xfe\x26\xfe\5\5\3\x0c\x10\0\1\2\x0a\5\1\0\7\0\0\x26\0\x26\1")
  local _, data = script.run("hartip-info", tcp)
  check.equal(data["Long tag"], nil)
  check.equal(data["Manufacturer id"], nil)
  check.equal(data["HART revision"], 5)
end)

test("a tag of ISO 8859-1 is read, one of question marks is none", function()
  for tag, shown in pairs({ ["K\xfchlung" .. ("\0"):rep(25)] = "K\u{fc}hlung", [("?"):rep(32)] = false,
    [("\1"):rep(32)] = false, [(" "):rep(32)] = false }) do
    serve(function(answer, request)
      return { request:byte(9) == 0x82 and message(1, 3, 0, 3, frame(request:sub(9), 5, 0, tag)) or answer }
    end)
    local _, data = script.run("hartip-info", tcp)
    check.equal(data["Long tag"] or false, shown)
  end
end)

test("a server without a free session, or that falls silent, is an error", function()
  serve(function(_, _, n)
    return { message(1, 0, 15, n, "\1\0\0\x75\x30") }
  end)
  check.throws("no answer, all sessions", script.run, "hartip-info", tcp)
  for lost = 2, 3 do
    for _, port in ipairs({ tcp, udp }) do
      serve(function(answer, _, n)
        return n < lost and { answer } or {}
      end)
      check.throws("no answer", script.run, "hartip-info", port)
    end
  end
end)

test("another service, an echo, an error, cut frames, and hostile lengths have none", function()
  for _, change in ipairs({
    function() return { "HTTP/1.0 400 Bad Request\r\n\r\n" } end,
    function(_, request) return { request } end,
    function() return { "\1\1\0\0\0\1\xff\xff" } end,
    function() return { "\1\1\0\0\0\1\0\0" } end,
    function(answer, request) return { request:byte(3) == 3 and message(1, 3, 0, 2, "\6\x80\0\x18\0") or answer } end,
    function(answer, request) return { request:byte(3) == 3 and message(1, 3, 0, 2, "\6\x80\0\x18\x88\0" .. identity .. "\0") or answer } end,
    function(answer, request) return { request:byte(3) == 3 and message(1, 3, 0, 2, "\6\x80\0\x18\0\0\xff" .. identity:sub(2) .. "\0")
      or answer } end,
    function(answer, request) return { request:byte(3) == 3 and message(1, 3, 0, 2, "\6\x80\0\x18\0\0" .. identity:sub(1, 20)) or answer } end,
    function(answer, request) return { request:byte(3) == 3 and message(1, 3, 0, 2, "\6\x80\0\0\0\0") or answer } end,
    function(answer, request) return { request:byte(3) == 3 and message(1, 3, 0, 2, "") or answer } end,
  }) do
    for _, port in ipairs({ tcp, udp }) do
      serve(change)
      check.equal(script.run("hartip-info", port), nil)
    end
  end
end)
