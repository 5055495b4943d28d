-- hddtemp-info with the daemon's line (hddtemp(8), "TCP/IP daemon mode").
local test, check, fake = ...
local script = require "support.script"
local port = { number = 7634, service = "hddtemp" }

test("disks are shown", function()
  fake.servers["tcp:7634"] = fake.replies(
    "|/dev/sda|ST2000DM008-2FR102|38|C||/dev/sdb|ST3|SLP|*|")
  local text, data = script.run("hddtemp-info", port)
  check.equal(text, "  /dev/sda: ST2000DM008-2FR102: 38 C\n  /dev/sdb: ST3: SLP *")
  check.equal(data[1].label, "ST2000DM008-2FR102")
end)

test("a disk that went to sleep is no change", function()
  local seen = {}
  for i, reading in ipairs({ "38|C", "SLP|*" }) do
    fake.servers["tcp:7634"] = fake.replies("|/dev/sda|ST2000DM008-2FR102|" .. reading .. "|")
    seen[i] = select(2, script.run("hddtemp-info", port))
    for _, key in ipairs(script.load("hddtemp-info").volatile) do
      seen[i][1][key] = nil
    end
  end
  check.same(seen[1], seen[2])
end)

test("another server gives none", function()
  fake.servers["tcp:7634"] = fake.replies("220 ftp ready\r\n")
  check.equal(script.run("hddtemp-info", port), nil)
  fake.servers["tcp:7634"] = fake.replies(nil, {}, true)
  check.equal(script.run("hddtemp-info", port), nil)
end)
