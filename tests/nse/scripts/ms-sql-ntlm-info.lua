-- ms-sql-ntlm-info on exchanges in the form of MS-TDS.
local test, check, fake = ...
local script = require "support.script"
local ntlm = require "support.ntlm"
local port = { number = 1433, service = "ms-sql-s" }

local function tds(content)
  return string.pack(">BBI2I2BB", 4, 1, #content + 8, 0, 1, 0) .. content
end
local function prelogin(encryption)
  return tds("\0\0\11\0\6\1\0\17\0\1\xff\x0f\0\x10\xe2\0\0" .. string.char(encryption))
end
local sspi = tds(string.pack("<Bs2", 0xed, ntlm.challenge))

test("names and version of the host", function()
  fake.servers["tcp:1433"] = fake.replies(nil, { prelogin(2), sspi })
  check.equal(script.run("ms-sql-ntlm-info", port), ntlm.text)
end)

test("an answer in several packets is put together", function()
  local first = string.pack(">BBI2I2BB", 4, 0, 28, 0, 1, 0) .. sspi:sub(9, 28)
  local rest = sspi:sub(29)
  fake.servers["tcp:1433"] = fake.replies(nil, { prelogin(2), first
    .. string.pack(">BBI2I2BB", 4, 1, #rest + 8, 0, 2, 0) .. rest })
  check.equal(script.run("ms-sql-ntlm-info", port), ntlm.text)
end)

test("servers that refuse, want TLS, or are others tell nothing", function()
  fake.servers["tcp:1433"] = fake.replies(nil, { prelogin(2), tds("\xfd\2\0\0\0\0\0\0\0") })
  check.equal(script.run("ms-sql-ntlm-info", port), nil)
  fake.servers["tcp:1433"] = fake.replies(nil, { prelogin(3), sspi })
  check.equal(script.run("ms-sql-ntlm-info", port), nil)
  fake.servers["tcp:1433"] = fake.replies("220 ftp\r\n")
  check.equal(script.run("ms-sql-ntlm-info", port), nil)
end)
