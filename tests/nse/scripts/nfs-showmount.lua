-- nfs-showmount on what rpcbind 1.2 and NFS-Ganesha 4.3 answered.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 111, service = "rpcbind" }

test("exports are shown with those who may mount them", function()
  script.replay("nfs-showmount", script.echo(5, 4))
  local text = script.run("nfs-showmount", port)
  check.equal(text, "  /tmp/l3smb/share 127.0.0.0/8\n  /srv \n")
end)

test("another server gives none", function()
  fake.servers["tcp:111"] = script.server({ { "", "HTTP/1.1 400 Bad Request\r\n\r\n" } })
  check.equal(script.run("nfs-showmount", port), nil)
end)
