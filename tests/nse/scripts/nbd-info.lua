-- nbd-info on exchanges recorded from nbd-server 3.24, and in the form of other servers.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 10809, service = "nbd" }

test("exports are shown with their sizes, opened where the server tells none", function()
  script.replay("nbd-info")
  check.equal(script.run("nbd-info", port), [[
  Protocol: 
    Negotiation: fixed newstyle
    SSL/TLS Wrapped: false
  Exported Block Devices: 
    bar: 
      Size: 1048576 bytes
      Transmission Flags: 
        READ_ONLY
        SEND_WRITE_ZEROES
        CAN_MULTI_CONN
    foo: 
      Size: 1048576 bytes
      Transmission Flags: 
        SEND_WRITE_ZEROES
        CAN_MULTI_CONN]])
end)

local function reply(option, kind, data)
  return string.pack(">I8I4I4s4", 0x3e889045565a9, option, kind, data)
end

test("a server that tells sizes is not opened", function()
  local asked = {}
  fake.servers["tcp:10809"] = function(peer)
    peer:send("NBDMAGICIHAVEOPT\0\3")
    for request in function() return peer:recv() end do
      local option = #request >= 16 and string.unpack(">I4", request, 9)
      asked[#asked + 1] = option or nil
      if option == 3 then
        peer:send(reply(3, 2, string.pack(">s4", "disk")) .. reply(3, 1, ""))
      elseif option == 6 then
        peer:send(reply(6, 3, string.pack(">I2I8I2", 0, 4096, 3)) .. reply(6, 1, ""))
      end
    end
  end
  local _, data = script.run("nbd-info", port)
  check.same(data["Exported Block Devices"], { disk = { Size = "4096 bytes",
    ["Transmission Flags"] = { "READ_ONLY" } } })
  check.same(asked, { 3, 6 })
end)

test("a server that lists nothing has no exports", function()
  fake.servers["tcp:10809"] = fake.replies("NBDMAGICIHAVEOPT\0\3", { "",
    reply(3, 0x80000002, "not for you") })
  local _, data = script.run("nbd-info", port)
  check.same(data, { Protocol = { Negotiation = "fixed newstyle", ["SSL/TLS Wrapped"] = false } })
end)

test("oldstyle servers have one export", function()
  fake.servers["tcp:10809"] = fake.replies("NBDMAGIC" .. string.pack(">I8I8I4", 0x420281861253,
    512, 5) .. ("\0"):rep(124))
  local _, data = script.run("nbd-info", port)
  check.same(data["Exported Block Devices"], { default = { Size = "512 bytes",
    ["Transmission Flags"] = { "SEND_FLUSH" } } })
end)

test("another server has none", function()
  fake.servers["tcp:10809"] = fake.replies("220 ftp\r\n")
  check.equal(script.run("nbd-info", port), nil)
end)

test("options are sent and read one by one, by name", function()
  local nbd = require "nbd"
  script.replay("nbd-info")
  local server = nbd.Comm:new(script.host(), script.port(port))
  check.equal(server:connect({ export_name = {} }), true)
  check.equal(server.protocol.ssl_tls, false)
  check.equal(server:build_opt_req("NO_SUCH_OPTION"), nil)
  check.equal(server:send(server:build_opt_req("LIST")), true)
  local names, reply = {}, nil
  repeat
    reply = server:receive_opt_rep()
    names[#names + 1] = reply.export_name
  until reply.rtype_name ~= "SERVER"
  check.equal(reply.rtype_name, "ACK")
  check.same(names, { "foo", "bar" })
  check.equal(nbd.NBD.transmission_flags.READ_ONLY, 2)
end)

test("an export that is opened by name has its size and its flags as keys", function()
  local nbd = require "nbd"
  fake.servers["tcp:10809"] = function(peer)
    peer:send("NBDMAGICIHAVEOPT\0\3")
    peer:recv()
    check.contains(peer:recv(), "IHAVEOPT\0\0\0\1\0\0\0\4disk")
    peer:send(string.pack(">I8I2", 4096, 0x103))
    peer:hang()
  end
  local server = nbd.Comm:new(script.host(), script.port(port))
  check.equal(server:connect(), true)
  check.equal(server:attach("disk"), true)
  check.equal(server.exports.disk.size, 4096)
  check.same(server.exports.disk.tflags, { HAS_FLAGS = true, READ_ONLY = true,
    CAN_MULTI_CONN = true })
  check.equal(server:reconnect(), true)
end)
