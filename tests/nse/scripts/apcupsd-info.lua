-- apcupsd-info on what apcupsd 3.14 answered.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 3551, service = "apcupsd" }

local function says(lines)
  local text = ""
  for _, line in ipairs(lines) do
    text = text .. string.pack(">s2", line .. "\n")
  end
  fake.servers["tcp:3551"] = fake.replies(nil, { text .. "\0\0" }, true)
end

test("the daemon and its supply are shown", function()
  script.replay("apcupsd-info")
  check.equal(script.run("apcupsd-info", port), [[
  Version: 3.14.14
  Host name: vm
  UPS name: rack1
  Driver: NETWORK UPS Driver
  Cable: Ethernet Link
  Mode: Stand Alone
  Master: 127.0.0.1:3552
  Model: Smart-UPS 1500
  Serial: AS1234567890
  Firmware: UPS 09.3 / ID=18
  Battery date: 2024-05-06
  Nominal power: 1000 Watts]])
  check.equal(fake.stored(3551).version.product, "apcupsd")
end)

test("a supply that the daemon has lost is told as such", function()
  says({ "APC      : 001,017,0400", "VERSION  : 3.14.12 (29 March 2014)", "STATUS   : COMMLOST ",
    "MODEL    : N/A" })
  check.equal(script.run("apcupsd-info", port), "  Version: 3.14.12\n  State: COMMLOST")
end)

test("of an answer that is cut the part of a line is not shown", function()
  local whole = script.recorded("apcupsd-info")[1][1][2]
  fake.servers["tcp:3551"] = fake.replies(nil, { whole:sub(1, whole:find("Smart-UPS", 1, true) + 2) })
  local _, data = script.run("apcupsd-info", port)
  check.equal(data.Master, "127.0.0.1:3552")
  check.equal(data.Model, nil)
end)

test("an answer that is cut, or of another server, gives none", function()
  local whole = script.recorded("apcupsd-info")[1][1][2]
  for _, text in ipairs({ whole:sub(1, 20), whole:sub(1, 1), "\0\0", "\255\255APC", "HTTP/1.1 400 Bad\r\n\r\n",
    "\0\5hello" }) do
    fake.servers["tcp:3551"] = fake.replies(nil, { text })
    check.equal(script.run("apcupsd-info", port), nil)
  end
end)
