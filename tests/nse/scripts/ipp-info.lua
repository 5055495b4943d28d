-- ipp-info on the exchange with cupsd, on a printer as PWG 5100.13 has it, and on others.
local test, check, fake = ...
local script, cups, web = require "support.script", require "support.cups", require "support.web"
local port = { number = 631, service = "ipp" }

test("a queue of cupsd is told", function()
  cups.serve("/printers/Lab_Laser", cups.attributes)
  check.equal(script.run("ipp-info", port, {
    args = { ["ipp-info.path"] = "/printers/Lab_Laser" } }), [[
  Model: Local Raw Printer
  Name: Lab_Laser
  Info: Lab laser printer
  Location: Rack 1
  UUID: urn:uuid:11111111-2222-3333-4444-555555555555
  IPP versions: 1.0, 1.1, 2.0, 2.1
  Authentication: requesting-user-name]])
end)

test("a printer's serial number comes from its device id", function()
  cups.serve("/ipp", cups.printer({
    { 0x41, "printer-make-and-model", "HP LaserJet Pro M404n" }, { 0x42, "printer-name", "LJ" },
    { 0x41, "printer-device-id", "MFG:HP;MDL:LaserJet Pro M404n;SN:PHCDB12345;CMD:PCL,PDF;" },
    { 0x41, "printer-firmware-string-version", "002_2031A" },
    { 0x45, "printer-uuid", "urn:uuid:1" }, { 0x10, "printer-location", "" },
  }))
  local _, data = script.run("ipp-info", port)
  check.same(data, { Model = "HP LaserJet Pro M404n", Manufacturer = "HP", Name = "LJ",
    Serial = "PHCDB12345", Firmware = "002_2031A", UUID = "urn:uuid:1" })
end)

test("a path that a printer refuses by the end of the connection does not hide the other one", function()
  local known = { number = 631, service = "http", version = { name_confidence = 10 } }
  cups.serve("/ipp", cups.printer({ { 0x42, "printer-name", "LJ" } }))
  local serve = fake.servers["tcp:631"]
  fake.servers["tcp:631"] = function(peer)
    local request = peer:recv()
    if not request:find("POST /ipp/print ", 1, true) then
      local first = true
      local function recv()
        if first then
          first = false
          return request
        end
        return peer:recv()
      end
      serve(setmetatable({ recv = recv }, { __index = peer }))
    end
  end
  check.equal(script.run("ipp-info", known), "  Name: LJ")
end)

test("other servers give none", function()
  web.serve(631, { default = "<html></html>" })
  check.equal(script.run("ipp-info", port), nil)
  cups.serve("/ipp/print", "\2\0\4\1\0\0\0\1\3")
  check.equal(script.run("ipp-info", port), nil)
end)

test("an address of IPv6 stands in brackets", function()
  local asked
  fake.servers["tcp:631"] = function(peer)
    asked = peer:recv()
  end
  script.run("ipp-info", port, { host = { ip = "2001:db8::15" } })
  check.contains(asked, "ipp://[2001:db8::15]:631/ipp")
end)
