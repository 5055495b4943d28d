-- ssh-weak-algos on recorded exchanges.
local test, check, fake = ...
local script, ssh2 = require "support.script", require "ssh2"
local port = { number = 22, service = "ssh" }

local function server(kex, cipher)
  fake.servers["tcp:22"] = function(peer)
    peer:send("SSH-2.0-x\r\n" .. ssh2.transport.build(ssh2.transport.kex_init({
      kex_algorithms = kex, server_host_key_algorithms = "ssh-ed25519",
      encryption_algorithms = cipher, mac_algorithms = "hmac-sha2-256",
      compression_algorithms = "none" })))
    peer:hang()
  end
end

test("what should no longer be offered is named", function()
  server("curve25519-sha256,diffie-hellman-group1-sha1", "aes128-ctr,3des-cbc,arcfour")
  check.equal(script.run("ssh-weak-algos", port),
    "  key exchange: diffie-hellman-group1-sha1\n  ciphers: 3des-cbc, arcfour")
end)

test("a server of today has none", function()
  server("curve25519-sha256", "aes128-ctr")
  check.equal(script.run("ssh-weak-algos", port), nil)
end)
