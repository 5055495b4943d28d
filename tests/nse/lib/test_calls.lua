-- What Nmap's own scripts ask of our libraries, and our scripts do not.
local test, check, fake = ...

local rpc, stdnse = require "rpc", require "stdnse"

test("rpc: a call without a procedure is one of the null procedure", function()
  local comm = rpc.Comm:new("rpcbind", 2)
  comm.proto = "tcp"
  check.equal(stdnse.tohex(comm:EncodePacket(17)), "80000028" .. "00000011" .. "00000000"
    .. "00000002" .. "000186a0" .. "00000002" .. "00000000" .. string.rep("00", 16))
end)

test("rpc: what NFS tells is shown for people", function()
  local Util = require("rpc").Util
  check.equal(Util.format_access(0x1f), "Read Lookup Modify Extend Delete NoExecute")
  check.equal(Util.FtypeToChar(tonumber("040755", 8)) .. Util.FpermToString(tonumber("040755", 8)),
    "drwxr-xr-x")
  check.equal(Util.FtypeToChar(tonumber("0644", 8)), "")
  check.equal(Util.TimeToString(1706702400), "2024-01-31T12:00:00")
  local stats = { tbytes = 12638011392, fbytes = 12637798400, abytes = 12637798400 }
  check.same(Util.calc_fsstat_table(stats, 3),
    { size = "12341808.0", used = "208.0", available = "12341600.0", use = "1%" })
  check.equal(Util.calc_fsstat_table(stats, 3, true).size, "11.8G")
  check.same(Util.calc_fsinfo_table({ maxfilesize = -1 }, 3), { maxfilesize = "16777216.0T" })
end)

test("rpc: an export that is not mounted has a reason", function()
  fake.servers["tcp:111"] = fake.replies(nil, { "garbage" })
  local comm, reason = require("rpc").Helper.MountPath({ ip = "192.0.2.1" },
    { number = 111, protocol = "tcp" }, "/share")
  check.equal(comm, nil)
  check.equal(type(reason), "string")
end)
