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

test("a refusal that will pass is no result", function()
  for _, code in ipairs({ 1040, 1129, 1203 }) do
    fake.servers["tcp:3306"] = fake.replies(packet("\xff" .. string.pack("<I2", code) .. "Too many"),
      {})
    check.throws("Too many", script.run, "mysql-info", port)
  end
end)

test("another server, and garbage, have none", function()
  fake.servers["tcp:3306"] = fake.replies("220 ftp\r\n")
  check.equal(script.run("mysql-info", port), nil)
  for _ = 1, 300 do
    fake.servers["tcp:3306"] = fake.replies(fake.mutated(packet(greeting)), {})
    script.run("mysql-info", port)
  end
end)

test("a login that succeeds says so, a result set is text", function()
  local mysql = require "mysql"
  local ended = "\xfe\0\0\2\0"
  local column = "\3def\0\0\0\3two\0\12\63\0\1\0\0\0\8\1\0\0\0\0"
  fake.servers["tcp:3306"] = fake.replies(packet("\0\0\0\2\0\1\0"),
    { packet("\1") .. packet(column) .. packet(ended) .. packet("\1" .. "2") .. packet(ended) })
  local socket = fake.nmap.new_socket()
  socket:connect("h", 3306)
  check.same({ mysql.loginRequest(socket, { authversion = "post41" }, "root", "", "salt") },
    { true, { errorcode = 0, affected_rows = 0, last_insert_id = 0, status = 2, warnings = 1 } })
  local status, result = mysql.sqlQuery(socket, "SELECT 1+1 AS two")
  check.equal(status, true)
  check.equal(mysql.formatResultset(result), "two\n2\n")
  check.equal(mysql.formatResultset(result, { noheaders = true }), "2\n")
end)
