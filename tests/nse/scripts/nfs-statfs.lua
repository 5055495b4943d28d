-- nfs-statfs on what rpcbind 1.2 and NFS-Ganesha 4.3 answered.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 111, service = "rpcbind" }

test("size and use of each file system are shown", function()
  script.replay("nfs-statfs", script.echo(5, 4))
  check.contains(script.run("nfs-statfs", port), [[
  Filesystem  1K-blocks    Used        Available   Use%  Maxfilesize  Maxlink
  /share      264212084.0  20373568.0  79963620.0  21%   8388608.0T   8]])
end)

test("sizes can be had for people", function()
  script.replay("nfs-statfs", script.echo(5, 4))
  local text = script.run("nfs-statfs", port, { args = { ["nfs-statfs.human"] = "true" } })
  check.contains(text, "252.0G")
end)

test("another server gives none", function()
  fake.servers["tcp:111"] = script.server({ { "", "HTTP/1.1 400 Bad Request\r\n\r\n" } })
  check.equal(script.run("nfs-statfs", port), nil)
end)
