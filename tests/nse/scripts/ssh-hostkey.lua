-- ssh-hostkey on what OpenSSH 9.2 answered.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 22, service = "ssh" }

test("a key of each type is shown", function()
  script.replay("ssh-hostkey")
  local text, data = script.run("ssh-hostkey", port)
  check.equal(text, [[
  2048 8d2d2f7c39a69ee371c07f25ea9a86cb (RSA)
  256 50301d2ada68b95a2f8665da68dbb5ee (ECDSA)
  256 9842d8a0148b77181187bb1762d999c3 (ED25519)]])
  check.equal(data[3].type, "ssh-ed25519")
  check.equal(data[1].bits, 2048)
  check.equal(data[1].key:sub(1, 20), "AAAAB3NzaC1yc2EAAAAD")
end)

test("other forms of the fingerprint can be had", function()
  script.replay("ssh-hostkey")
  local text = script.run("ssh-hostkey", port, { args = { ssh_hostkey = "sha256" } })
  check.contains(text, "256 SHA256:")
end)

test("a connection that is turned away once costs no key", function()
  -- the third asks for the RSA key
  script.replay("ssh-hostkey", nil, { 1, 2, 0, 4, 5, 6, 7, 3 })
  local _, data = script.run("ssh-hostkey", port)
  check.equal(#data, 3)
  check.equal(data[1].type, "ssh-rsa")
end)

test("keys of which one got no answer are no whole list", function()
  script.replay("ssh-hostkey", nil, { 1, 2, 0, 4, 5, 6, 7, 0 })
  check.throws("no answer for ssh-rsa", script.run, "ssh-hostkey", port)
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
