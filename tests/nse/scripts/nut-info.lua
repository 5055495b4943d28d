-- nut-info on what upsd 2.8 answered for a dummy supply and for one whose driver does not run.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 3493, service = "nut" }

local function server(words)
  fake.servers["tcp:3493"] = function(peer)
    local said = words[peer:recv()]
    if said then
      peer:send(said)
      peer:hang()
    elseif said == false then
      peer:hang()
    end
  end
end

local head = "Network UPS Tools upsd 2.7.4 - http://www.networkupstools.org/\n"

test("each supply is shown, and of one without a driver what is known", function()
  script.replay("nut-info")
  local text, data = script.run("nut-info", port)
  check.equal(text, [[
  Version: 2.8.0
  Supplies: 
    rack1: 
      Description: The "blue" rack's
      Manufacturer: EATON
      Model: Ellipse PRO 650
      Serial: G355J45123
      Type: ups
      Firmware: 02.08.0010
      Battery type: PbAc
      Nominal power: 650
      Driver: dummy-ups
    spare: 
      Description: Description unavailable
      State: DRIVER-NOT-CONNECTED]])
  check.equal(data.Supplies.rack1.Serial, "G355J45123")
  check.equal(fake.stored(3493).version.version, "2.8.0")
end)

test("names of variables before 2.6 count, too; a server without supplies has none", function()
  server({ ["VER\nLIST UPS\n"] = head .. 'BEGIN LIST UPS\nUPS a "b"\nEND LIST UPS\n',
    ["LIST VAR a\n"] = 'BEGIN LIST VAR a\nVAR a ups.mfr "APC"\nVAR a ups.serial ""\nEND LIST VAR a\n' })
  local _, data = script.run("nut-info", port)
  check.same(data.Supplies, { a = { Description = "b", Manufacturer = "APC" } })
  server({ ["VER\nLIST UPS\n"] = head .. "BEGIN LIST UPS\nEND LIST UPS\n" })
  check.equal(script.run("nut-info", port), "  Version: 2.7.4")
end)

test("a name that would be a command of its own is not asked for, nor more than eight", function()
  local list, asked = { 'UPS x;FSD "a"\nUPS a b "c"\n' }, 0
  for i = 1, 20 do
    list[#list + 1] = ('UPS u%d "d"\n'):format(i)
  end
  fake.servers["tcp:3493"] = function(peer)
    local request = peer:recv()
    asked = asked + 1
    if request:find("^VER") then
      peer:send(head .. "BEGIN LIST UPS\n" .. table.concat(list) .. "END LIST UPS\n")
    else
      check.truthy(request:find("^LIST VAR u%d\n$"), request)
      peer:send("ERR DATA-STALE\n")
    end
  end
  local _, data = script.run("nut-info", port)
  check.equal(data.Supplies.u8.State, "DATA-STALE")
  check.equal(data.Supplies.u9, nil)
  check.equal(asked, 9)
end)

test("silence to the question for a supply is an error", function()
  server({ ["VER\nLIST UPS\n"] = head .. 'BEGIN LIST UPS\nUPS a "b"\nEND LIST UPS\n',
    ["LIST VAR a\n"] = false })
  check.throws("no answer", script.run, "nut-info", port)
end)

test("another server gives none", function()
  for _, text in ipairs({ "HTTP/1.1 400 Bad Request\r\n\r\n", "ERR ACCESS-DENIED\n", "Network UPS Tools" }) do
    server({ ["VER\nLIST UPS\n"] = text })
    check.equal(script.run("nut-info", port), nil)
  end
end)
