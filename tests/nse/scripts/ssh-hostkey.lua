-- ssh-hostkey on what OpenSSH 9.2 answered.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 22, service = "ssh" }

test("a key of each type is shown", function()
  script.replay("ssh-hostkey")
  local text, data = script.run("ssh-hostkey", port)
  check.equal(text, [[
  2048 8d:2d:2f:7c:39:a6:9e:e3:71:c0:7f:25:ea:9a:86:cb (RSA)
  256 50:30:1d:2a:da:68:b9:5a:2f:86:65:da:68:db:b5:ee (ECDSA)
  256 98:42:d8:a0:14:8b:77:18:11:87:bb:17:62:d9:99:c3 (ED25519)]])
  check.equal(data[3].type, "ssh-ed25519")
  check.equal(data[1].bits, 2048)
  check.equal(data[1].key:sub(1, 20), "AAAAB3NzaC1yc2EAAAAD")
end)

test("other forms of the fingerprint can be had", function()
  script.replay("ssh-hostkey")
  local text = script.run("ssh-hostkey", port, { args = { ssh_hostkey = "sha256" } })
  check.contains(text, "256 SHA256:")
end)

test("an answer that breaks off is no key", function()
  script.replay("ssh-hostkey", function(answer)
    return answer:byte(6) == 31 and answer:sub(1, 6) .. "\xff" .. answer:sub(8) or answer
  end)
  check.equal(script.run("ssh-hostkey", port), nil)
end)

test("another server gives none", function()
  fake.servers["tcp:22"] = fake.replies("220 ftp ready\r\n")
  check.equal(script.run("ssh-hostkey", port), nil)
end)
