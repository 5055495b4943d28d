-- ssh2-enum-algos on recorded exchanges.
local test, check, fake = ...
local script, ssh2 = require "support.script", require "ssh2"
local port = { number = 22, service = "ssh" }

test("algorithms are listed with their number", function()
  fake.servers["tcp:22"] = function(peer)
    peer:send("SSH-2.0-OpenSSH_9.2p1\r\n" .. ssh2.transport.build(ssh2.transport.kex_init({
      kex_algorithms = "curve25519-sha256,diffie-hellman-group14-sha1",
      server_host_key_algorithms = "ssh-ed25519", encryption_algorithms = "aes128-ctr",
      mac_algorithms = "hmac-sha2-256", compression_algorithms = "none" })))
    peer:hang()
  end
  local text, data = script.run("ssh2-enum-algos", port)
  check.equal(text, [[
  kex_algorithms: (2)
  server_host_key_algorithms: (1)
  encryption_algorithms: (1)
  mac_algorithms: (1)
  compression_algorithms: (1)]])
  check.same(data.mac_algorithms, { "hmac-sha2-256" })
  fake.verbose_level = 1
  check.equal(script.run("ssh2-enum-algos", port), [[
  kex_algorithms: (2)
      curve25519-sha256
      diffie-hellman-group14-sha1
  server_host_key_algorithms: (1)
      ssh-ed25519
  encryption_algorithms: (1)
      aes128-ctr
  mac_algorithms: (1)
      hmac-sha2-256
  compression_algorithms: (1)
      none]])
end)

test("SSH is looked for at the ports beside which it is put, too", function()
  for _, number in ipairs({ 830, 2222, 22222 }) do
    fake.servers["tcp:" .. number] = fake.replies("220 ftp\r\n")
    local _, _, asked = script.run("ssh2-enum-algos", { number = number })
    check.equal(asked, true)
  end
  local _, _, asked = script.run("ssh2-enum-algos", { number = 23 })
  check.equal(asked, false)
end)

test("another server has none", function()
  fake.servers["tcp:22"] = fake.replies("220 ftp\r\n")
  check.equal(script.run("ssh2-enum-algos", port), nil)
end)
