-- mysql-info on recorded exchanges.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 3306, service = "mysql" }

local greeting = "\10" .. "5.5.5-10.11.6-MariaDB\0" .. "\42\0\0\0" .. "saltsalt\0" .. "\xfe\xf7"
  .. "\8\2\0\xff\x81\21" .. ("\0"):rep(10) .. "morepepper12\0" .. "mysql_native_password\0"

local function packet(payload)
  return string.pack("<I3B", #payload, 0) .. payload
end

test("a server tells its version and what it can do", function()
  fake.servers["tcp:3306"] = fake.replies(packet(greeting), {}, true)
  local text, data = script.run("mysql-info", port)
  check.contains(text, "  Version: 5.5.5-10.11.6-MariaDB\n  Thread ID: 42\n")
  check.equal(data.Status, "Autocommit")
  check.equal(data["Auth Plugin Name"], "mysql_native_password")
end)

test("one that lets us not in tells why", function()
  fake.servers["tcp:3306"] = fake.replies(packet("\xff\x6a\4Host is not allowed"), {})
  check.contains(script.run("mysql-info", port), "Host is not allowed")
end)

test("another server, and garbage, have none", function()
  fake.servers["tcp:3306"] = fake.replies("220 ftp\r\n")
  check.equal(script.run("mysql-info", port), nil)
  for _ = 1, 300 do
    fake.servers["tcp:3306"] = fake.replies(fake.mutated(packet(greeting)), {})
    script.run("mysql-info", port)
  end
end)
