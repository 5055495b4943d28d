-- s7-info on recorded exchanges.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 102, service = "iso-tsap" }

local function tpkt(payload)
  return string.pack(">BBI2", 3, 0, #payload + 4) .. payload
end

local function list(id, size, records)
  local body = string.pack(">I2I2I2I2", id, 0, size, #records)
  for _, record in ipairs(records) do
    body = body .. string.pack(">I2", record[1]) .. record[2]
      .. ("\0"):rep(size - 2 - #record[2])
  end
  local parameters = "\0\1\x12\8\x12\x84\1\1\0\0\0\0"
  local data = "\xff\9" .. string.pack(">I2", #body) .. body
  return tpkt("\2\xf0\x80" .. string.pack(">BBI2I2I2I2", 0x32, 7, 0, 1, #parameters, #data)
    .. parameters .. data)
end

local function controller(peer)
  local confirm = tpkt("\x11\xd0\0\x14\0\1\0\xc0\1\x0a\xc1\2\1\0\xc2\2\1\2")
  local setup = tpkt("\2\xf0\x80" .. string.pack(">BBI2I2I2I2BB", 0x32, 3, 0, 1, 8, 0, 0, 0)
    .. "\xf0\0\0\1\0\1\0\xf0")
  peer:recv()
  peer:send(confirm)
  peer:recv()
  peer:send(setup)
  peer:recv()
  peer:send(list(0x11, 28, { { 1, "6ES7 315-2AG10-0AB0 " }, { 6, "6ES7 315-2AG10-0AB0 " },
    { 7, "                    \0\0" .. "V\2\6\9" } }))
  peer:recv()
  peer:send(list(0x1c, 34, { { 1, "line 3" }, { 5, "S C-A1B234567890" },
    { 7, "CPU 315-2 DP" }, { 4, "Original Siemens Equipment" } }))
end

test("a controller tells what it is", function()
  fake.servers["tcp:102"] = controller
  check.equal(script.run("s7-info", port), [[
  Module: 6ES7 315-2AG10-0AB0
  Basic Hardware: 6ES7 315-2AG10-0AB0
  Version: 2.6.9
  System Name: line 3
  Module Type: CPU 315-2 DP
  Serial Number: S C-A1B234567890
  Copyright: Original Siemens Equipment]])
end)

test("a list that gets no answer is an error, one that the controller does not have is none", function()
  local function without(answer)
    return function(peer)
      local send, n = peer.send, 0
      peer.send = function(self, data)
        n = n + 1
        if n == 4 and not answer then
          self:hang()
        end
        send(self, n == 4 and answer or data)
      end
      controller(peer)
    end
  end
  fake.servers["tcp:102"] = without(nil)
  check.throws("no answer", script.run, "s7-info", port)
  fake.servers["tcp:102"] = without(tpkt("\2\xf0\x80" .. string.pack(">BBI2I2I2I2", 0x32, 7, 0, 1, 0, 4)
    .. "\x0a\0\0\0"))
  local _, data = script.run("s7-info", port)
  check.equal(data["Serial Number"], nil)
  check.equal(data.Version, "2.6.9")
end)

test("another server, and garbage, have none", function()
  fake.servers["tcp:102"] = fake.replies(nil, { "HTTP/1.0 400 Bad Request\r\n\r\n" })
  check.equal(script.run("s7-info", port), nil)
  for _ = 1, 300 do
    fake.servers["tcp:102"] = function(peer)
      for _ = 1, 4 do
        peer:recv()
        peer:send(fake.mutated(list(0x1c, 34, { { 1, "line 3" } })))
      end
    end
    script.run("s7-info", port)
  end
end)
