-- dnp3-info on frames of IEEE 1815-2012.
local test, check, fake = ...
local script, dnp3 = require "support.script", require "dnp3"
local port = { number = 20000, service = "dnp" }

local function attribute(variation, kind, value)
  return string.pack("BBBBBBs1", 0, variation, 0, 0, 0, kind, value)
end

local objects = attribute(252, 1, "Lab") .. attribute(250, 1, "RTU 32") .. attribute(248, 1, "4711")
  .. attribute(242, 1, "6.02\0") .. attribute(218, 2, "\x0a") .. attribute(245, 1, "")

-- The frames of a response: segments of at most `size` bytes.
local function response(address, master, fragment, size)
  local frames, n = {}, 0
  for at = 1, #fragment, size do
    local transport = (at == 1 and 0x40 or 0) | (at + size > #fragment and 0x80 or 0) | n % 64
    frames[#frames + 1] = dnp3.frame(0x44, master, address, string.char(transport)
      .. fragment:sub(at, at + size - 1))
    n = n + 1
  end
  return table.concat(frames)
end

-- An outstation at an address; options: master (the one that it knows), answers (to the attributes; nil:
-- silence), lost (falls silent after the first answer), before (what it says first).
local function serve(address, options)
  fake.servers["tcp:20000"] = function(peer)
    local answered = 0
    for bytes in function() return peer:recv() end do
      local frame, at = dnp3.next_frame(bytes, 1)
      while frame do
        local known = not options.master or frame.source == options.master
        if frame.control == 0xc9 and known and (frame.destination == address or options.self
          and frame.destination == 0xfffc) and (answered == 0 or not options.lost) then
          answered = answered + 1
          peer:send((options.before or "") .. dnp3.frame(0x0b, frame.source, address))
        elseif frame.control == 0xc4 and options.answers then
          check.equal(frame.data, "\xc0\xc0\1\0\xfe\0\0\0")
          check.equal(frame.destination, address)
          peer:send(options.answers(frame.source))
        end
        frame, at = dnp3.next_frame(bytes, at)
      end
    end
  end
end

local whole = [[
  Outstation address: 10
  Manufacturer: Lab
  Product: RTU 32
  Serial number: 4711
  Software version: 6.02]]

local function told(size)
  return function(master)
    return response(10, master, "\xc0\x81\0\0" .. objects, size)
  end
end

test("an outstation tells what it is", function()
  serve(10, { master = 1, answers = told(249) })
  check.equal(script.run("dnp3-info", port), whole)
  check.equal(fake.stored(20000).version.product, "RTU 32")
  -- in many segments
  serve(10, { master = 1, answers = told(7) })
  check.equal(script.run("dnp3-info", port), whole)
end)

test("the address for all, usual ones, and one that is given are asked", function()
  serve(77, { self = true })
  check.equal(script.run("dnp3-info", port), "  Outstation address: 77")
  for address, master in pairs({ [0] = 1, [1] = 100, [4] = 3, [1024] = 1 }) do
    serve(address, { master = master })
    check.equal(script.run("dnp3-info", port), "  Outstation address: " .. address)
  end
  serve(77, {})
  check.equal(script.run("dnp3-info", port), nil)
  check.equal(script.run("dnp3-info", port, { args = { ["dnp3-info.address"] = "77" } }),
    "  Outstation address: 77")
end)

test("what an outstation says of its own accord is passed over", function()
  serve(10, { before = response(10, 1, "\xf0\x82\x80\0", 249), answers = function(master)
    return response(10, master, "\xf0\x82\x80\0", 249) .. response(11, master, "\xc0\x81\0\0"
      .. attribute(252, 1, "other"), 249) .. told(249)(master)
  end })
  check.equal(script.run("dnp3-info", port), whole)
end)

test("one that has no attributes, or does not answer for them, has an address", function()
  serve(10, { answers = function(master)
    return response(10, master, "\xc0\x81\0\2", 249)
  end })
  check.equal(script.run("dnp3-info", port), "  Outstation address: 10")
  serve(10, {})
  check.equal(script.run("dnp3-info", port), "  Outstation address: 10")
end)

test("one that falls silent, or ends the connection, after its first answer is an error", function()
  serve(10, { lost = true })
  check.throws("no answer", script.run, "dnp3-info", port)
  fake.servers["tcp:20000"] = fake.replies(nil, { dnp3.frame(0x0b, 1, 10) })
  check.throws("no answer", script.run, "dnp3-info", port)
end)

test("a master, an echo, another service, wrong checksums have none", function()
  for _, reply in ipairs({ dnp3.frame(0xc9, 10, 1), dnp3.frame(0x8b, 1, 10), dnp3.frame(0x4b, 1, 10), "HTTP/1.0 400 Bad Request\r\n\r\n",
    dnp3.frame(0x0b, 1, 10):sub(1, 9), dnp3.frame(0x0b, 1, 10):sub(1, 9) .. "\0", "\5\x64\xff\x0b", "\5\x64\0\0",
    "\5" .. ("\x64"):rep(9000) }) do
    fake.servers["tcp:20000"] = fake.replies(nil, { reply }, true)
    check.equal(script.run("dnp3-info", port), nil)
  end
  fake.servers["tcp:20000"] = function(peer)
    peer:send(peer:recv())
    peer:hang()
  end
  check.equal(script.run("dnp3-info", port), nil)
end)
