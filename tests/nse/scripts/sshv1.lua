-- sshv1 with identifications of SSH servers (RFC 4253, sections 4.2 and 5.1).
local test, check, fake = ...
local script = require "support.script"
local port = { number = 22, service = "ssh" }

local function shown(greeting)
  fake.servers["tcp:22"] = fake.replies(greeting, {}, true)
  return script.run("sshv1", port)
end

test("servers of version 1, and of both, are told", function()
  check.equal(shown("SSH-1.5-1.2.27\n"), "Server supports SSHv1")
  check.equal(shown("SSH-1.99-OpenSSH_3.9p1\r\n"), "Server supports SSHv1")
end)

test("those of version 2 alone, and others, are not", function()
  check.equal(shown("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"), nil)
  check.equal(shown("220 ftp ready\r\n"), nil)
  check.equal(shown(nil), nil)
end)
