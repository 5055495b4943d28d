-- cups-info on the exchange with cupsd, and with servers that have no printers.
local test, check, fake = ...
local script, cups, web = require "support.script", require "support.cups", require "support.web"
local port = { number = 631, service = "ipp" }

test("the printers are shown", function()
  cups.serve("/", cups.printers)
  local text, data = script.run("cups-info", port)
  check.equal(text, [[
  Lab_Laser
    DNS-SD Name: 
    Location: Rack 1
    Model: Local Raw Printer
    State: Idle
    Queue: 1 print jobs
]])
  check.equal(data.Lab_Laser.Model, "Local Raw Printer")
end)

test("a web server, a refusal, and a server without printers give none", function()
  for _, body in ipairs({ "<html></html>", "\1\1\4\6\0\0\0\1\3", "\1\1\0\0\0\0\0\1\3", "" }) do
    cups.serve("/", body)
    check.equal(script.run("cups-info", port), nil)
  end
  web.serve(631, {})
  check.equal(script.run("cups-info", port), nil)
  check.truthy(fake)
end)
