-- ms-sql-info on the exchanges of MS-SQLR, section 4, and MS-TDS, section 4, and its library.
local test, check, fake = ...
local script = require "support.script"
local mssql = require "mssql"

local function browser(text)
  return string.pack("<Bs2", 5, text)
end
local two = browser("ServerName;ILSUNG1;InstanceName;YUKONSTD;IsClustered;No;Version;9.00.1399.06;"
  .. "tcp;57137;;ServerName;ILSUNG1;InstanceName;YUKONDEV;IsClustered;Yes;Version;9.00.1399.06;"
  .. "np;\\\\ILSUNG1\\pipe\\MSSQL$YUKONDEV\\sql\\query;;")

local function tds(content)
  return string.pack(">BBI2I2BB", 4, 1, #content + 8, 0, 1, 0) .. content
end
-- options VERSION, ENCRYPTION, INSTOPT, THREADID, MARS with their places, then the values
local function prelogin(version, encryption)
  return tds("\0\0\26\0\6\1\0\32\0\1\2\0\33\0\1\3\0\34\0\0\4\0\34\0\1\xff" .. version
    .. string.char(encryption) .. "\0\0")
end
local v2019 = prelogin("\x0f\0\x10\xe2\0\0", 0)

local function with_ports(f)
  fake.ports = { ["tcp:1433"] = { number = 1433, protocol = "tcp", state = "open" },
    ["udp:1434"] = { number = 1434, protocol = "udp", state = "open|filtered" } }
  f()
  fake.ports = nil
end

test("instances of the browser service, and what each server says itself", function()
  with_ports(function()
    fake.servers["udp:1434"] = fake.replies(nil, { two })
    fake.servers["tcp:57137"] = fake.replies(nil, { prelogin("\9\0\5\x77\0\0", 2) })
    check.equal(script.run("ms-sql-info"), [[
  Windows server name: ILSUNG1
  192.0.2.1\YUKONSTD: 
    Instance name: YUKONSTD
    Version: 
      name: Microsoft SQL Server 2005 RTM
      number: 9.00.1399.00
      Product: Microsoft SQL Server 2005
      Service pack level: RTM
      Post-SP patches applied: false
    TCP port: 57137
    Clustered: false
  192.0.2.1\YUKONDEV: 
    Instance name: YUKONDEV
    Version: 
      name: Microsoft SQL Server 2005 RTM
      number: 9.00.1399.06
      Product: Microsoft SQL Server 2005
      Service pack level: RTM
      Post-SP patches applied: false
    Named pipe: \\ILSUNG1\pipe\MSSQL$YUKONDEV\sql\query
    Clustered: true]])
  end)
end)

test("a server without the browser service is found by its port", function()
  with_ports(function()
    fake.servers["tcp:1433"] = fake.replies(nil, { v2019 })
    check.equal(script.run("ms-sql-info"), [[
  192.0.2.1:1433: 
    Version: 
      name: Microsoft SQL Server 2019 RTM+
      number: 15.00.4322.00
      Product: Microsoft SQL Server 2019
      Service pack level: RTM
      Post-SP patches applied: true
    TCP port: 1433]])
    check.equal(fake.stored(1433).version.product, "Microsoft SQL Server 2019")
  end)
end)

test("a host without the ports is not asked; another server has none", function()
  check.equal(select(3, script.run("ms-sql-info")), false)
  with_ports(function()
    fake.servers["tcp:1433"] = fake.replies("220 ftp\r\n")
    check.equal(script.run("ms-sql-info"), nil)
  end)
end)

test("a port that is no whole number, or none that there is, is not taken for one", function()
  local mssql = require "mssql"
  for _, tcp in ipairs({ "1433.5", "1e999", "0", "65536", "-1" }) do
    local text = "ServerName;A;IsClustered;No;Version;15.0.2000.5;tcp;" .. tcp .. ";;"
    fake.servers["udp:1434"] = fake.replies(nil, { "\5" .. string.pack("<s2", text) })
    with_ports(function()
      local found = mssql.Helper.Discover(script.host())[1]
      check.equal(found.port, nil)
      check.equal(found:GetName(), "192.0.2.1")
    end)
  end
end)

test("garbage does not matter", function()
  with_ports(function()
    for _ = 1, 300 do
      fake.servers["udp:1434"] = fake.replies(nil, { fake.mutated(two) })
      fake.servers["tcp:1433"] = fake.replies(nil, { fake.mutated(v2019) })
      fake.servers["tcp:57137"] = fake.replies(nil, { fake.mutated(v2019) })
      script.run("ms-sql-info")
    end
  end)
end)

local host, port = { ip = "192.0.2.1" }, { number = 1433, protocol = "tcp" }

local function login(answer)
  local asked
  fake.servers["tcp:1433"] = function(peer)
    peer:recv()
    peer:send(v2019)
    asked = peer:recv()
    peer:send(tds(answer))
  end
  local helper = mssql.Helper:new()
  check.truthy(helper:Connect(host, port))
  local status, why, number = helper:Login("sa", "secret", "master")
  return status, why, number, asked
end

test("a login is accepted or refused, its packet as MS-TDS 2.2.6.4 has it", function()
  local status, _, _, asked = login("\xad\6\0\1\x74\0\0\4\0\xfd\0\0\0\0\0\0\0\0")
  check.truthy(status)
  check.equal(asked:sub(1, 2), "\16\1", "LOGIN7, the last packet")
  check.equal(string.unpack("<I4", asked, 9), #asked - 8, "length")
  local offset, chars = string.unpack("<I2I2", asked, 9 + 44)
  check.equal(chars, 6)
  check.equal(asked:sub(9 + offset, 8 + offset + 12), "\x92\xa5\xf3\xa5\x93\xa5\x82\xa5\xf3\xa5\xe2\xa5",
    "the hidden password")
  local text = "\x4c\0o\0g\0i\0n\0 \0f\0a\0i\0l\0e\0d\0"
  local refused = string.pack("<I4BBI2", 18456, 1, 14, 12) .. text .. "\0\0\0\0\0\0"
  local why, number
  status, why, number = login("\xaa" .. string.pack("<s2", refused))
  check.fails(status, why)
  check.equal(number, mssql.LoginErrorType.InvalidUsernameOrPassword)
end)

test("versions have names", function()
  local function name(text)
    local version = mssql.SqlServerVersionInfo:new()
    version:SetVersionNumber(text)
    return version:ToString()
  end
  check.equal(name("8.00.760"), "Microsoft SQL Server 2000 SP3")
  check.equal(name("10.50.2550.0"), "Microsoft SQL Server 2008 R2 SP1+")
  check.equal(name("16.0.1000.6"), "Microsoft SQL Server 2022 RTM")
  check.equal(name("99.1.2"), "Microsoft SQL Server")
end)

test("scripts of others get their rules and an action for each instance", function()
  local action, portrule, hostrule = mssql.Helper.InitScript(function(instance)
    return instance.port.number
  end)
  check.truthy(portrule(host, script.port(port)))
  check.falsy(hostrule(script.host()))
  check.same(script.plain(action(script.host(), script.port(port))), { ["[192.0.2.1:1433]"] = 1433 })
end)
