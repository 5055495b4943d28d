-- zookeeper-info with answers as ZooKeeper's administrator's guide shows them ("The Four Letter
-- Words").
local test, check, fake = ...
local script = require "support.script"
local port = { number = 2181, service = "zookeeper" }

local function server(words)
  fake.servers["tcp:2181"] = function(peer)
    local said = words[peer:recv()]
    if said then
      peer:send(said)
    end
  end
end

local srvr = "Zookeeper version: 3.8.0-5a02a05eddb59aee6ac762f7ea82e92a68eb9c0f, built on 2022-02-25\n"
  .. "Latency min/avg/max: 0/0.0/0\nReceived: 2\nSent: 1\nConnections: 1\nOutstanding: 0\n"
  .. "Zxid: 0x100000002\nMode: leader\nNode count: 5\n"

test("version and role are shown", function()
  server({ srvr = srvr, envi = "envi is not executed because it is not in the whitelist.\n" })
  local text, data = script.run("zookeeper-info", port)
  check.equal(text,
    "  Version: 3.8.0\n  Connections: 1\n  Zxid: 0x100000002\n  Mode: leader\n  Node count: 5")
  check.equal(data.Environment, nil)
end)

test("an environment that is told to anyone is shown", function()
  server({ srvr = srvr, envi = "Environment:\nhost.name=zk1.lab\njava.version=17.0.15\n"
    .. "os.name=Linux\nuser.name=zookeeper\n" })
  local _, data = script.run("zookeeper-info", port)
  check.equal(data.Environment["host.name"], "zk1.lab")
end)

test("another server gives none", function()
  server({ srvr = "HTTP/1.1 400 Bad Request\r\n\r\n" })
  check.equal(script.run("zookeeper-info", port), nil)
end)
