-- profinet-cm-lookup on calls as DCE 1.1 describes them, with the annotation of IEC 61158-6-10.
local test, check, fake = ...
local script, stdnse = require "support.script", require "stdnse"
local port = { number = 34964, service = "profinet-cm", protocol = "udp" }

local annotation = ("%-25s %-20s %5s %s%3d%3d%3d\0"):format("S7-1200", "6ES7 214-1AG40-0XB0", "8", "V", 4, 5, 2)
local tail = "\0\1" .. "\1\x0d" .. "\0\x2a"
local object = "\0\0\xa0\xde\x97\x6c\xd1\x11\x82\x71" .. tail

local function entries(order, uuid, text, count)
  return ("\0"):rep(20) .. string.pack(order .. "I4I4I4I4", count or 1, 1, 0, 1) .. uuid
    .. string.pack(order .. "I4I4I4", 3, 0, #text) .. text .. ("\0"):rep(-#text % 4)
    .. string.pack(order .. "I4I4", 4, 4) .. "\0\0\0\0" .. string.pack(order .. "I4", 0)
end

local function response(kind, order, activity, body)
  return string.char(4, kind, 0x20, 0, order == "<" and 0x10 or 0, 0, 0, 0) .. ("\0"):rep(32) .. activity
    .. string.pack(order .. "I4I4I4I2I2I2I2I2BB", 7, 3, 0, 2, 0xffff, 0xffff, #body, 0, 0, 0) .. body
end

-- answers(activity, n): what is sent to the request number n.
local function serve(answers)
  local n = 0
  fake.servers["udp:34964"] = function(peer)
    for request in function() return peer:recv() end do
      n = n + 1
      check.equal(#request, 156)
      check.equal(stdnse.tohex(request:sub(1, 8)), "0400200010000000")
      check.equal(stdnse.tohex(request:sub(57)), "0000000003000000000000000200ffffffff4c0000000000" .. "0000000001000000"
        .. ("0"):rep(32) .. "02000000" .. ("0"):rep(32) .. "0000000001000000" .. ("0"):rep(40) .. "01000000")
      for _, answer in ipairs(answers(request:sub(41, 56), n)) do
        peer:send(answer)
      end
    end
  end
end

local whole = [[
  Device type: S7-1200
  Order id: 6ES7 214-1AG40-0XB0
  Hardware revision: 8
  Software revision: V4.5.2
  Vendor id: 0x002a
  Device id: 0x010d]]

test("a device tells what it is", function()
  serve(function(activity)
    return { response(2, "<", activity, entries("<", object, annotation)) }
  end)
  check.equal(script.run("profinet-cm-lookup", port), whole)
  check.equal(fake.stored(34964).version.product, "6ES7 214-1AG40-0XB0")
end)

test("one that counts the other way round, too", function()
  serve(function(activity)
    local a, b, c = string.unpack("<I4I2I2", activity)
    return { response(2, ">", string.pack(">I4I2I2", a, b, c) .. activity:sub(9), entries(">",
      "\xde\xa0\0\0\x6c\x97\x11\xd1\x82\x71" .. tail, annotation)) }
  end)
  check.equal(script.run("profinet-cm-lookup", port), whole)
end)

test("one lost datagram is none, and answers to others are passed over", function()
  serve(function(activity, n)
    return n > 1 and { response(2, "<", ("x"):rep(16), entries("<", object, ("y"):rep(64))),
      response(4, "<", activity, ""), "x", response(2, "<", activity, entries("<", object, annotation)) } or {}
  end)
  check.equal(script.run("profinet-cm-lookup", port), whole)
end)

test("an annotation that is short, or of another kind, is read as far as it goes", function()
  serve(function(activity)
    return { response(2, "<", activity, entries("<", ("\0"):rep(16), "Drive\0\0\0")) }
  end)
  check.equal(script.run("profinet-cm-lookup", port), "  Device type: Drive")
  serve(function(activity)
    return { response(2, "<", activity, entries("<", object, "\0")) }
  end)
  check.equal(script.run("profinet-cm-lookup", port), "  Vendor id: 0x002a\n  Device id: 0x010d")
end)

test("no entries, a fault, cut answers, an echo, hostile lengths have none", function()
  local body = entries("<", object, annotation)
  for _, change in ipairs({
    function(activity) return response(2, "<", activity, entries("<", object, annotation, 0)) end,
    function(activity) return response(3, "<", activity, body) end,
    function(activity) return response(2, "<", activity, body:sub(1, 100)) end,
    function(activity) return response(2, "<", activity, body:sub(1, 30)) end,
    function(activity) return response(2, "<", activity, body:sub(1, 60) .. "\xff\xff\xff\xff" .. body:sub(65)) end,
    function(activity) return response(2, "<", activity, body):sub(1, 79) end,
    function() return "hello" end,
  }) do
    serve(function(activity)
      return { change(activity) }
    end)
    check.equal(script.run("profinet-cm-lookup", port), nil)
  end
end)
