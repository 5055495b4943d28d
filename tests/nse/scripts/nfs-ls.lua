-- nfs-ls on what rpcbind 1.2 and NFS-Ganesha 4.3 answered.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 111, service = "rpcbind" }

test("files of each export are shown with their rights", function()
  script.replay("nfs-ls", script.echo(5, 4))
  local text, data = script.run("nfs-ls", port)
  check.contains(text, "Volume /tmp/l3smb/share\n  access: Read Lookup NoModify NoExtend NoDelete "
    .. "NoExecute\nPERMISSION  UID  GID  SIZE")
  check.contains(text, "\nrw-r--r--   0    0    6     2026-11-28T15:30:27  readme.txt\n")
  check.equal(#data.volumes, 2)
end)

test("another server gives none", function()
  fake.servers["tcp:111"] = script.server({ { "", "HTTP/1.1 400 Bad Request\r\n\r\n" } })
  check.equal(script.run("nfs-ls", port), nil)
end)
