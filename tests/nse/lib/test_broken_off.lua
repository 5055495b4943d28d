-- A further question that gets no answer: an error, and not a result that lacks a part.
local test, check, fake = ...
local script, mongo = require "support.script", require "support.mongo"
local hex = require("stdnse").fromhex

local function bulk(text)
  return ("$%d\r\n%s\r\n"):format(#text, text)
end

local login = { greeting = "220 ready\r\n", { "USER", "331 password\r\n" }, { "PASS", "230 in\r\n" } }

-- The server `base` with more entries.
local function with(base, ...)
  local server = { greeting = base.greeting, table.unpack(base) }
  for _, entry in ipairs({ ... }) do
    server[#server + 1] = entry
  end
  return script.server(server)
end

-- Script, port, protocol, what is answered: with the last question open, and with it answered.
local cases = {
  { "nntp-capabilities", 119, "tcp", script.server({ greeting = "200 ready\r\n",
    { "CAPABILITIES", "101 list\r\nVERSION 2\r\n" } }), script.server({ greeting = "200 ready\r\n",
    { "CAPABILITIES", "101 list\r\nVERSION 2\r\n.\r\n" } }) },
  { "ftp-syst", 21, "tcp", with(login, { "SYST", "215 Windows_NT\r\n" }, { "STAT", false }),
    with(login, { "SYST", "215 Windows_NT\r\n" }, { "STAT", "502 no\r\n" }) },
  { "ftp-bounce", 21, "tcp", with(login, { "PORT 192,0,2,1,23,112", "200 ok\r\n" }, { "PORT", false }),
    with(login, { "PORT", "200 ok\r\n" }) },
  { "smtp-commands", 25, "tcp", script.server({ greeting = "220 mail\r\n", { "EHLO", "250 mail\r\n" },
    { "HELP", false } }), script.server({ greeting = "220 mail\r\n", { "EHLO", "250 mail\r\n" },
    { "HELP", "502 no\r\n" } }) },
  { "redis-info", 6379, "tcp", script.server({ { "PING", "+PONG\r\n" },
    { "INFO", bulk("redis_version:7.0.15\r\n") }, { "CONFIG", false } }),
    script.server({ { "PING", "+PONG\r\n" }, { "INFO", bulk("redis_version:7.0.15\r\n") },
    { "", "-ERR no\r\n" } }) },
  { "mongodb-info", 27017, "tcp", mongo.server(mongo.hello, {}),
    mongo.server(mongo.hello, { buildInfo = mongo.build_msg }) },
  { "vnc-info", 5900, "tcp", script.server({ greeting = "RFB 003.008\n", { "RFB", "\1\19" }, { "", false } }),
    script.server({ greeting = "RFB 003.008\n", { "RFB", "\1\2" }, { "", false } }) },
  { "zookeeper-info", 2181, "tcp", function(peer)
    if peer:recv() == "srvr" then
      peer:send("Zookeeper version: 3.8.0\nMode: standalone\n")
    else
      peer:hang()
    end
  end, function(peer)
    peer:send(peer:recv() == "srvr" and "Zookeeper version: 3.8.0\nMode: standalone\n" or "not in the list\n")
  end },
  { "memcached-info", 11211, "tcp", script.server({ { "settings", false }, { "stats", "STAT pid 1\r\nEND\r\n" } }),
    script.server({ { "settings", "ERROR\r\n" }, { "stats", "STAT pid 1\r\nEND\r\n" } }) },
  { "xdmcp-discover", 177, "udp", script.server({ { hex "00010002000100", hex("0001000500240000000d6465736b2e6c"
    .. "61622e74657374001157696c6c696e6720746f206d616e616765") }, { "", false } }), nil },
}

for _, case in ipairs(cases) do
  test(case[1] .. ": silence to a further question is an error", function()
    local port = { number = case[2], protocol = case[3], service = "-" }
    fake.servers[case[3] .. ":" .. case[2]] = case[4]
    check.throws("no answer", script.run, case[1], port)
    if case[5] then
      fake.servers[case[3] .. ":" .. case[2]] = case[5]
      check.truthy(script.run(case[1], port))
    end
  end)
end

test("rip-info: a datagram of a long table that gets lost takes no routes away", function()
  local function datagram(from)
    local entries = {}
    for i = from, from + 24 do
      entries[#entries + 1] = string.pack(">I2I2BBBBI4c4I4", 2, 0, 10, 0, i, 0, 0xffffff00, "\0\0\0\0", 1)
    end
    return "\2\2\0\0" .. table.concat(entries)
  end
  local asked = 0
  fake.servers["udp:520"] = function(peer)
    while peer:recv() do
      asked = asked + 1
      peer:send(datagram(0))
      if asked ~= 1 then
        peer:send(datagram(25))
      end
    end
  end
  local _, data = script.run("rip-info", { number = 520, protocol = "udp", service = "route" })
  check.truthy(data.routes["10.0.49.0/24"])
end)
