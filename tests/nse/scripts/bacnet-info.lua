-- bacnet-info on recorded exchanges.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 47808, service = "bacnet", protocol = "udp" }

-- ReadProperty-ACK of the device `instance` to the request with the number `id`.
local function acknowledged(id, property, value, instance)
  local apdu = "\x30" .. string.char(id) .. "\x0c\x0c" .. string.pack(">I4", 8 << 22 | instance)
    .. "\x19" .. string.char(property) .. "\x3e" .. value .. "\x3f"
  return string.pack(">BBI2", 0x81, 0x0a, #apdu + 6) .. "\1\0" .. apdu
end

local function text(s)
  return "\x75" .. string.char(#s + 1) .. "\0" .. s
end

local values = { [120] = "\x22\1\4", [121] = text("BACnet Stack at SourceForge"),
  [75] = "\xc4\2\3\xf7\xa1", [44] = text("0.8.2"), [77] = text("SimpleServer"),
  [70] = text("GNU"), [58] = text("USA") }

local function answer_to(request, instance)
  local id, property = request:byte(9), request:byte(17)
  return values[property] and acknowledged(id, property, values[property], instance or 260001)
    or "\x81\x0a\0\x0d\1\0\x50" .. string.char(id) .. "\x0c\x91\2\x91\x20"
end

-- A device: change(answer, request, n) gives what is sent for the request number n instead.
local function serve(change)
  local n = 0
  fake.servers["udp:47808"] = function(peer)
    for request in function() return peer:recv() end do
      n = n + 1
      local answers = change(answer_to(request), request, n)
      for _, answer in ipairs(type(answers) == "table" and answers or { answers }) do
        peer:send(answer)
      end
    end
  end
end

local whole = [[
  Vendor ID: BACnet Stack at SourceForge (260)
  Vendor Name: BACnet Stack at SourceForge
  Object-identifier: 260001
  Firmware: 0.8.2
  Object Name: SimpleServer
  Model Name: GNU
  Location: USA]]

test("a device tells what it is", function()
  serve(function(answer)
    return answer
  end)
  check.equal(script.run("bacnet-info", port), whole)
end)

test("one lost datagram is none", function()
  local seen = {}
  serve(function(answer, request)
    local property = request:byte(17)
    local again = seen[property]
    seen[property] = true
    return again and answer
  end)
  check.equal(script.run("bacnet-info", port), whole)
end)

test("an answer that comes late is none to the next question", function()
  local late
  serve(function(answer, request, n)
    if n == 2 then
      late = answer
      return nil
    end
    local before = late
    late = nil
    return { before or answer, answer }
  end)
  check.equal(script.run("bacnet-info", port), whole)
end)

test("an answer to another property, or of another number, is none", function()
  serve(function(answer, request)
    local id = request:byte(9)
    return { acknowledged(id, 78, text("other"), 1), acknowledged(id + 1, 12, text("other"), 1),
      answer }
  end)
  check.equal(script.run("bacnet-info", port), whole)
end)

test("any instance number may be a device's, and a router may stand before it", function()
  serve(function(_, request)
    return answer_to(request, 62)
  end)
  check.equal(script.run("bacnet-info", port), whole)
  serve(function(answer)
    -- network 5, address 0c of one byte
    return answer:sub(1, 5) .. "\8\0\5\1\x0c" .. answer:sub(7)
  end)
  check.equal(script.run("bacnet-info", port), whole)
end)

test("a device that falls silent on the way is no result", function()
  serve(function(answer, _, n)
    return n < 5 and answer
  end)
  check.throws("no answer", script.run, "bacnet-info", port)
end)

test("silence, and garbage, give none", function()
  serve(function() end)
  check.equal(script.run("bacnet-info", port), nil)
  for _ = 1, 300 do
    serve(function(answer)
      return fake.mutated(answer)
    end)
    -- what is no answer is silence
    pcall(script.run, "bacnet-info", port)
  end
end)

test("names in UCS-2 and ISO 8859-1 are read, in other sets they are none", function()
  for set, case in pairs({ [4] = { "\0K\0\xfc\x4e\x2d", "K\u{fc}\u{4e2d}" }, [5] = { "K\xfcche", "K\u{fc}che" },
    [2] = { "xx", nil }, [0] = { "K\u{fc}che", "K\u{fc}che" } }) do
    serve(function(answer, request)
      if request:byte(17) ~= 77 then
        return answer
      end
      local value = "\x75" .. string.char(#case[1] + 1) .. string.char(set) .. case[1]
      return acknowledged(request:byte(9), 77, value, 260001)
    end)
    local _, data = script.run("bacnet-info", port)
    check.equal(data["Object Name"], case[2])
  end
end)
