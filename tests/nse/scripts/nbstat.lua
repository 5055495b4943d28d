-- nbstat on the answer of a node (RFC 1002, section 4.2.18).
local test, check, fake = ...
local script = require "support.script"

local function node(names, mac)
  local list = {}
  for i, name in ipairs(names) do
    list[i] = string.pack(">c15BI2", name[1] .. (" "):rep(15 - #name[1]), name[2], name[3])
  end
  local data = string.char(#names) .. table.concat(list) .. mac .. ("\0"):rep(40)
  local name = "\32CK" .. ("A"):rep(30) .. "\0"
  return string.pack(">I2I2I2I2I2I2", 0x1337, 0x8400, 0, 1, 0, 0) .. name
    .. string.pack(">I2I2I4s2", 33, 1, 0, data)
end

local function open()
  fake.ports = { ["udp:137"] = { state = "open" } }
end

test("names, user and hardware address are shown", function()
  open()
  fake.servers["udp:137"] = fake.replies(nil, { node({ { "NAS", 0, 0x0400 }, { "NAS", 0x20, 0x0400 },
    { "LABGROUP", 0, 0x8400 }, { "ALICE", 3, 0x0400 } }, "\0\x08\x9b\x99\0\x15") }, true)
  local text, data = script.run("nbstat")
  check.equal(text, "NetBIOS name: NAS, NetBIOS user: ALICE, NetBIOS MAC: 00089b990015 (unknown)")
  fake.verbose_level = 1
  text = script.run("nbstat")
  check.contains(text, [[
Names:
  NAS<00>              Flags: <unique><active>
  NAS<20>              Flags: <unique><active>
  LABGROUP<00>         Flags: <group><active>
  ALICE<03>            Flags: <unique><active>]])
  check.equal(data.server_name, "NAS")
  check.equal(data.mac.address, "00:08:9b:99:00:15")
end)

test("who is logged in, and which role a browser election gave, is no change", function()
  local lasting = { { "NAS", 0, 0x0400 }, { "NAS", 0x20, 0x0400 }, { "NAS", 3, 0x0400 },
    { "LABGROUP", 0, 0x8400 }, { "LABGROUP", 0x1e, 0x8400 } }
  local moving = { { "ALICE", 3, 0x0400 }, { "BOB", 3, 0x0400 }, { "LABGROUP", 0x1d, 0x0400 },
    { "\1\2__MSBROWSE__\2", 1, 0x8400 } }
  local function compared(names)
    open()
    fake.nmap.registry.netbios_status = nil
    fake.servers["udp:137"] = fake.replies(nil, { node(names, "\0\x08\x9b\x99\0\x15") }, true)
    local text, data = script.run("nbstat")
    for _, key in ipairs(script.load("nbstat").volatile) do
      data[key] = nil
    end
    return data, text
  end
  local all = { moving[1], table.unpack(lasting) }
  table.move(moving, 2, #moving, #all + 1, all)
  local quiet, busy = compared(lasting), compared(all)
  check.equal(#quiet.names, 5)
  check.same(quiet, busy)
  lasting[1], lasting[5] = lasting[5], lasting[1]
  check.same(compared(lasting), quiet)
  fake.verbose_level = 1
  local _, text = compared(all)
  check.contains(text, "NetBIOS user: ALICE")
  check.contains(text, "Names:\n  ALICE<03>            Flags: <unique><active>\n  NAS<00>")
  check.contains(text, "  LABGROUP<1d>         Flags: <unique><active>")
end)

test("a name may hold zeros", function()
  fake.verbose_level = 1
  open()
  fake.servers["udp:137"] = fake.replies(nil, { node({ { "N\0S", 0, 0x0400 } }, "\0\1\2\3\4\5") })
  check.contains(script.run("nbstat"), "N\0S<00>              Flags")
end)

test("silence gives none, but is an error of a port that has answered; without ports nobody is asked",
  function()
  open()
  fake.servers["udp:137"] = fake.replies(nil, {}, true)
  check.throws("no answer", script.run, "nbstat")
  fake.ports = { ["tcp:445"] = { number = 445, protocol = "tcp", state = "open" } }
  check.equal(script.run("nbstat"), nil)
  fake.ports = {}
  check.same({ script.run("nbstat") }, { nil, nil, false })
end)
