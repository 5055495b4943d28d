-- tasmota-info with pages as Tasmota's documentation and sources show them.
local test, check = ...
local script, web = require "support.script", require "support.web"
local port = { number = 80, service = "http" }
local path = "/cm?cmnd=Status%200"

local page = [[<!DOCTYPE html><html lang="en"><head><title>Tasmota - Main Menu</title></head><body>
<h3>Tasmota</h3><button name=''>Toggle</button><a href='https://bit.ly/tasmota' target='_blank'>Tasmota 13.2.0 (tasmota) by Theo Arends</a>
</body></html>]]
local status = web.json([[{"Status":{"Module":1,"DeviceName":"Garden pump","FriendlyName":["Pump"],"Power":1},
  "StatusFWR":{"Version":"13.2.0(tasmota)","BuildDateTime":"2023-10-19T08:48:29","Hardware":"ESP8266EX"},
  "StatusNET":{"Hostname":"tasmota-010203-0515","IPAddress":"192.0.2.1","Mac":"E8:DB:84:01:02:03"},
  "StatusSTS":{"Uptime":"1T02:03:04"}}]])

test("a device tells what it is", function()
  local asked = web.serve(80, { ["GET /"] = page, ["GET " .. path] = status })
  check.equal(script.run("tasmota-info", port), [[
  Name: Garden pump
  Host name: tasmota-010203-0515
  Version: 13.2.0(tasmota)
  Hardware: ESP8266EX
  MAC address: e8:db:84:01:02:03
  Control without password: true]])
  check.same(asked, { "GET /", "GET " .. path })
end)

test("one that does not take commands has a version", function()
  for _, answer in ipairs({ web.json('{"WARNING":"Need user=<username>&password=<password>"}'), { status = 404 } }) do
    web.serve(80, { ["/"] = page, [path] = answer })
    check.equal(script.run("tasmota-info", port), "  Version: 13.2.0 (tasmota)")
  end
end)

test("odd JSON is read as far as it goes", function()
  web.serve(80, { ["/"] = page, [path] = web.json('{"Status":{"FriendlyName":["Pump"]},"StatusNET":7,"StatusFWR":[]}') })
  local _, data = script.run("tasmota-info", port)
  check.same(data, { Name = "Pump", ["Control without password"] = true })
end)

test("another web server is none, and is asked for no status", function()
  for _, answer in ipairs({ "<html>My Tasmota devices</html>", { status = 401, body = page }, page:sub(1, 200) }) do
    local asked = web.serve(80, { ["/"] = answer, [path] = status })
    check.equal(script.run("tasmota-info", port), nil)
    check.same(asked, { "GET /" })
  end
end)

test("a device that was lost after its first answer is an error", function()
  for _, lost in ipairs({ web.silence, { status = 503 }, { status = 429 } }) do
    web.serve(80, { ["/"] = page, default = lost })
    check.throws("no answer for /cm", script.run, "tasmota-info", port)
  end
end)
