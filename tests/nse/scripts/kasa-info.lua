-- kasa-info on messages as the reverse engineering of the HS110 describes them.
local test, check, fake = ...
local script = require "support.script"
local tcp = { number = 9999, service = "abyss" }
local udp = { number = 9999, service = "tplink-kasa", protocol = "udp" }

local function xored(text)
  local key, out = 171, {}
  for i = 1, #text do
    key = key ~ text:byte(i)
    out[i] = string.char(key)
  end
  return table.concat(out)
end

local question = '{"system":{"get_sysinfo":{}}}'
local answer = [[{"system":{"get_sysinfo":{"err_code":0,"sw_ver":"1.2.5 Build 171213 Rel.101523","hw_ver":"1.0",
"type":"IOT.SMARTPLUGSWITCH","model":"HS110(EU)","mac":"50:C7:BF:01:02:03",
"deviceId":"8006E6B0C7A1F2D3E4B5C6D7A8F9E0B1C2D3E4F5","hwId":"45E29DA8","alias":"Coffee machine",
"relay_state":1,"on_time":77,"rssi":-55,"latitude":52.5,"longitude":13.4}}}]]

local whole = [[
  Name: Coffee machine
  Model: HS110(EU)
  Kind: IOT.SMARTPLUGSWITCH
  MAC address: 50:c7:bf:01:02:03
  Device id: 8006E6B0C7A1F2D3E4B5C6D7A8F9E0B1C2D3E4F5
  Hardware: 1.0
  Firmware: 1.2.5 Build 171213 Rel.101523]]

local function serve(...)
  local pieces = { ... }
  fake.servers["tcp:9999"] = function(peer)
    check.equal(peer:recv(), string.pack(">s4", xored(question)))
    for _, piece in ipairs(pieces) do
      peer:send(piece)
    end
    peer:hang()
  end
end

test("a plug tells what it is over TCP", function()
  serve(string.pack(">s4", xored(answer)))
  check.equal(script.run("kasa-info", tcp), whole)
  check.equal(fake.stored(9999).version.product, "TP-Link HS110(EU)")
  local bytes = string.pack(">s4", xored(answer))
  serve(bytes:sub(1, 2), bytes:sub(3, 4), bytes:sub(5, 50), bytes:sub(51))
  check.equal(script.run("kasa-info", tcp), whole)
end)

test("and over UDP, without a length, though a datagram is lost", function()
  for lost = 0, 1 do
    local n = 0
    fake.servers["udp:9999"] = function(peer)
      for request in function() return peer:recv() end do
        check.equal(request, xored(question))
        n = n + 1
        if n > lost then
          peer:send(xored(answer))
        end
      end
    end
    check.equal(script.run("kasa-info", udp), whole)
  end
end)

test("a lamp names its address and kind otherwise", function()
  serve(string.pack(">s4", xored('{"system":{"get_sysinfo":{"mic_type":"IOT.SMARTBULB","mic_mac":"50C7BF010203"}}}')))
  check.equal(script.run("kasa-info", tcp), "  Kind: IOT.SMARTBULB\n  MAC address: 50:c7:bf:01:02:03")
end)

test("what the port is known to be otherwise is left alone", function()
  local version = { name = "http", name_confidence = 10 }
  local _, _, rule = script.run("kasa-info", { number = 9999, service = "http", version = version })
  check.falsy(rule)
  serve(string.pack(">s4", xored(answer)))
  check.truthy(script.run("kasa-info", { number = 9999, service = "tplink-kasa",
    version = { name = "tplink-kasa", name_confidence = 10 } }))
end)

test("another service, other JSON, cut answers, hostile lengths have none", function()
  for _, reply in ipairs({ "HTTP/1.0 400 Bad Request\r\n\r\n", "\0\0\0\0", "\xff\xff\xff\xff" .. xored(answer),
    "\0\0", string.pack(">s4", xored(answer)):sub(1, 80), string.pack(">s4", xored('{"system":7}')),
    string.pack(">s4", xored('{"system":{"get_sysinfo":[]}}')), string.pack(">s4", xored("[]")),
    string.pack(">s4", answer) }) do
    serve(reply)
    check.equal(script.run("kasa-info", tcp), nil)
  end
end)
