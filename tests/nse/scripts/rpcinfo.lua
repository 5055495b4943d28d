-- rpcinfo on what rpcbind 1.2 answered, with NFS-Ganesha registered.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 111, service = "rpcbind" }

test("programs are shown with versions and ports", function()
  script.replay("rpcinfo", script.echo(5, 4))
  local text, data = script.run("rpcinfo", port)
  check.contains(text, [[
  program version    port/proto  service
  100000  2,3,4        111/tcp   rpcbind
  100000  2,3,4        111/udp   rpcbind
  100000  3,4          111/tcp6  rpcbind
  100000  3,4          111/udp6  rpcbind
  100003  3,4         2049/tcp   nfs]])
  check.contains(text, "\n  100005  1,3        20048/udp6  mountd\n")
  check.same(data["100003"].tcp.version, { 3, 4 })
end)

test("another server gives none", function()
  fake.servers["tcp:111"] = script.server({ { "", "HTTP/1.1 400 Bad Request\r\n\r\n" } })
  check.equal(script.run("rpcinfo", port), nil)
end)
