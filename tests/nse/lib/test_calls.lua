-- What Nmap's own scripts ask of our libraries, and our scripts do not.
local test, check, fake = ...

local rpc, stdnse = require "rpc", require "stdnse"

test("rpc: a call without a procedure is one of the null procedure", function()
  local comm = rpc.Comm:new("rpcbind", 2)
  comm.proto = "tcp"
  check.equal(stdnse.tohex(comm:EncodePacket(17)), "80000028" .. "00000011" .. "00000000"
    .. "00000002" .. "000186a0" .. "00000002" .. "00000000" .. string.rep("00", 16))
end)

local snmp = require "snmp"

test("snmp: a name that is no identifier has no value", function()
  local list = { { { 1 }, 2 }, { { {} }, 3 }, { "x", 4 }, { snmp.str2oid("1.3.6.1"), 5 } }
  check.equal(#snmp.fetchResponseValues({ _snmp = "\xa2", 1, 0, 0, list }), 1)
  check.same(snmp.fetchResponseValues(snmp.encode(snmp.buildPacket({ _snmp = "\xa2", 1, 0, 0,
    list }))), { { 5, "1.3.6.1", { 1, 3, 6, 1, _snmp = "\6" } } })
end)

test("snmp: a late answer to one walk is not taken for one to the next", function()
  fake.servers["udp:161"] = function(peer)
    local walks = { ["1.3.6.1.2.1"] = "first", ["1.3.6.1.4.1"] = "second" }
    local late
    while true do
      local request = snmp.decode(peer:recv())[3]
      local name = snmp.oid2str(request[4][1][1])
      local value = walks[name]
      local reply = snmp.buildGetResponse({ reqId = request[1], err = value and 0 or 2 },
        value and name .. ".1" or name, value or false)
      local bytes = snmp.encode(snmp.buildPacket(reply))
      if value == "second" then
        peer:send(late)
      end
      peer:send(bytes)
      late = late or bytes
    end
  end
  local helper = snmp.Helper:new({ ip = "192.0.2.1" }, { number = 161, protocol = "udp" })
  helper:connect()
  for _, base in ipairs({ "1.3.6.1.2.1", "1.3.6.1.4.1" }) do
    local status, result = helper:walk(base)
    check.equal(status, true)
    check.equal(result[1] and result[1].oid, base .. ".1")
  end
end)

-- A conversation whose server sends these pieces once it was asked.
local function called(...)
  local pieces = { ... }
  fake.servers["tcp:111"] = function(peer)
    peer:recv()
    for _, piece in ipairs(pieces) do
      peer:send(piece)
    end
    peer:hang()
  end
  local comm = rpc.Comm:new("rpcbind", 2)
  check.truthy(comm:Connect({ ip = "192.0.2.1" }, { number = 111, protocol = "tcp" }))
  comm:SendPacket("x")
  return comm
end

test("rpc: records come in any pieces, and several at once", function()
  local comm = called("\0\0", "\0\2ab\x80\0\0\1c\x80\0\0", "\1d\x80\0\0\3e", "f", "g")
  for _, record in ipairs({ "abc", "d", "efg" }) do
    check.same({ comm:ReceivePacket() }, { true, record })
  end
  check.fails(comm:ReceivePacket())
end)

test("rpc: a record of fragments without content or end is none", function()
  check.same({ called(("\0\0\0\0"):rep(100000)):ReceivePacket() },
    { false, "too many fragments" })
  local record = ("\0\0\0\1x"):rep(4000) .. "\x80\0\0\0"
  check.quick(function()
    local status, bytes = called(record .. ("y"):rep(3000000)):ReceivePacket()
    check.same({ status, #bytes }, { true, 4000 })
  end)
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

test("msrpc: interfaces have the UUIDs of the wire", function()
  local msrpc = require "msrpc"
  check.equal(stdnse.tohex(msrpc.SRVSVC_UUID), "c84f324b7016d30112785a47bf6ee188")
  check.equal(stdnse.tohex(msrpc.SVCCTL_UUID), "81bb7a364498f135ad3298f038001003")
  check.equal(msrpc.SAMR_PATH .. msrpc.SAMR_VERSION, "\\samr1")
end)

test("msrpc: handles of services and statistics are read, garbage has a reason", function()
  local msrpc = require "msrpc"
  local core = require "msrpc.core"
  local call, asked, answer = core.call_function, nil, nil
  core.call_function = function(_, opnum, arguments)
    asked = { opnum, arguments }
    return true, { arguments = answer }
  end
  -- what Samba 4.17 answered to ROpenSCManagerW
  answer = stdnse.fromhex("00000000e7c65bffbcae054bbd3ec5c6f209f8dd") .. "\0\0\0\0"
  check.same({ msrpc.svcctl_openscmanagerw({}, "10.99.0.15", 1) },
    { true, { handle = answer:sub(1, 20) } })
  check.equal(asked[1], 15)
  answer = ("\0"):rep(20) .. "\x24\4\0\0"
  check.same({ msrpc.svcctl_openservicew({}, ("h"):rep(20), "none", 16) },
    { false, "error 1060" })
  answer = "\0\0\2\0" .. string.pack("<" .. ("I4"):rep(17), table.unpack({ 1, 2, 3, 4, 5, 6, 7, 8,
    9, 10, 11, 1, 13, 0, 15, 16, 17 })) .. "\0\0\0\0"
  local status, stats = msrpc.srvsvc_netservergetstatistics({}, "10.99.0.15")
  check.equal(status and stats.bytessent, 1 << 32 | 11)
  check.equal(stats.sopens, 5)
  for _, broken in ipairs({ "", "\0\0\2\0\1", "\0\0\0\0\5\0\0\0" }) do
    answer = broken
    check.fails(msrpc.srvsvc_netservergetstatistics({}, "10.99.0.15"))
    check.fails(msrpc.svcctl_openservicew({}, "", "x"))
  end
  core.call_function = call
end)
