-- ssh1 and ssh2: packets, algorithms, host keys, fingerprints.
local test, check, fake = ...

local ssh1, ssh2, stdnse, base64 = require "ssh1", require "ssh2", require "stdnse",
  require "base64"
local transport = ssh2.transport

local ed25519 = base64.dec("AAAAC3NzaC1lZDI1NTE5AAAAIOhKqW67LQlT3buAKWTGAxQqqAM5FImGUnq6NycoqV8c")
local ecdsa = base64.dec("AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBGXVoqS8ork1"
  .. "YQtkE4qe+gKcapCgZfqlcUzi/uFo"
  .. "SnRUGJ3Exr4i7nWnPy25LKr0fkjOyIqRjyHigFnFITmmPxw=")

local function kex_init(algorithms, keys)
  return transport.build(transport.kex_init({ kex_algorithms = algorithms,
    server_host_key_algorithms = keys }))
end

local function server(algorithms, keys, reply)
  return function(peer)
    peer:send("welcome\r\nSSH-2.0-Test\r\n" .. kex_init(algorithms, keys))
    peer:recv()
    peer:recv()
    reply(peer, peer:recv())
  end
end

local function reply_with(blob, kind)
  return function(peer)
    local payload = string.pack(">Bs4s4s4", kind or 31, blob, ("f"):rep(32), "signature")
    peer:send(transport.build("\2ignored") .. transport.build(payload))
  end
end

local host, port = { ip = "192.0.2.1" }, { number = 22, protocol = "tcp" }

test("a payload goes into a packet and comes out", function()
  for n = 1, 40 do
    local payload = ("x"):rep(n)
    local packet = transport.build(payload)
    check.equal(#packet % 8, 0)
    check.equal(transport.payload(packet), payload)
    check.same({ ssh2.check_packet_length(packet .. "rest") }, { #packet, #packet })
    check.equal(ssh2.check_packet_length(packet:sub(1, -2)), nil)
  end
  check.equal(transport.payload("\0\0\0\2\9xx"), nil)
  check.equal(transport.payload("\xff\xff\xff\xff\1xxxx"), nil)
end)

test("KEXINIT is written and read", function()
  local parsed = transport.parse_kex_init(transport.kex_init({ kex_algorithms = "a,b",
    encryption_algorithms = "c" }))
  check.equal(parsed.kex_algorithms, "a,b")
  check.equal(parsed.encryption_algorithms_client_to_server, "c")
  check.equal(parsed.first_kex_packet_follows, false)
  check.equal(transport.parse_kex_init("\20short"), nil)
  check.equal(transport.parse_kex_init("\20" .. ("c"):rep(16) .. "\xff\xff\xff\xff"), nil)
end)

test("host keys by each kind of key exchange", function()
  fake.servers["tcp:22"] = server("curve25519-sha256", "ssh-ed25519", reply_with(ed25519))
  local key = ssh2.fetch_host_key(host, port, "ssh-ed25519")
  check.same({ key.key_type, key.algorithm, key.bits }, { "ssh-ed25519", "ED25519", 256 })
  check.equal(key.full_key, "ssh-ed25519 " .. base64.enc(ed25519))
  fake.servers["tcp:22"] = server("ecdh-sha2-nistp256", "ecdsa-sha2-nistp256", reply_with(ecdsa))
  check.equal(ssh2.fetch_host_key(host, port, "ecdsa-sha2-nistp256").algorithm, "ECDSA")
  local rsa = string.pack(">s4s4s4", "ssh-rsa", "\1\0\1", "\0\x80" .. ("n"):rep(255))
  fake.servers["tcp:22"] = server("diffie-hellman-group14-sha1", "rsa-sha2-512", reply_with(rsa))
  local rsa_key = ssh2.fetch_host_key(host, port, "ssh-rsa")
  check.same({ rsa_key.algorithm, rsa_key.bits }, { "RSA", 2048 })
  fake.servers["tcp:22"] = server("diffie-hellman-group-exchange-sha256", "ssh-rsa", function(peer,
    request)
    check.equal(transport.payload(request):byte(), 34)
    peer:send(transport.build(string.pack(">Bs4s4", 31, "\0\xff" .. ("p"):rep(255), "\2")))
    check.equal(transport.payload(peer:recv()):byte(), 32)
    reply_with(rsa, 33)(peer)
  end)
  check.equal(ssh2.fetch_host_key(host, port, "ssh-rsa").bits, 2048)
end)

test("servers without that key, without a common exchange, or that are no SSH server", function()
  fake.servers["tcp:22"] = server("curve25519-sha256", "ssh-rsa", function() end)
  check.fails(ssh2.fetch_host_key(host, port, "ssh-ed25519"))
  fake.servers["tcp:22"] = server("none@example", "ssh-ed25519", function() end)
  check.fails(ssh2.fetch_host_key(host, port, "ssh-ed25519"))
  fake.servers["tcp:22"] = server("curve25519-sha256", "ssh-ed25519", function(peer)
    peer:send(transport.build("\1\0\0\0\2bye"))
  end)
  check.fails(ssh2.fetch_host_key(host, port, "ssh-ed25519"))
  fake.servers["tcp:22"] = fake.replies("220 ftp\r\n", {}, true)
  check.fails(ssh2.fetch_host_key(host, port, "ssh-ed25519"))
  fake.servers["tcp:22"] = function(peer) peer:send(("x"):rep(100000)) end
  check.fails(ssh2.fetch_host_key(host, port, "ssh-ed25519"))
  fake.servers["tcp:22"] = nil
  check.fails(ssh2.fetch_host_key(host, port, "ssh-ed25519"))
end)

test("20,000 mutated answers neither throw nor hang", function()
  fake.quick_digests()
  local greeting = "SSH-2.0-Test\r\n" .. kex_init("curve25519-sha256", "ssh-ed25519")
  local reply = transport.build(string.pack(">Bs4s4s4", 31, ed25519, ("f"):rep(32), "signature"))
  for i = 1, 20000 do
    fake.servers["tcp:22"] = function(peer)
      peer:send(i % 2 == 0 and fake.mutated(greeting) or greeting)
      peer:recv()
      peer:recv()
      peer:send(fake.mutated(reply))
    end
    ssh2.fetch_host_key(host, port, "ssh-ed25519")
    ssh2.parse_key(fake.mutated(ed25519))
    ssh2.parse_key(fake.mutated(ecdsa))
  end
end)

test("fingerprints in the forms that people use", function()
  local md5, sha256 = stdnse.fromhex("03402de3fefea1864b3eab7c2f0d5c70"),
    ssh2.parse_key(ed25519).fp_sha256
  check.equal(ssh1.fingerprint_hex(md5, "ED25519", 256),
    "256 03402de3fefea1864b3eab7c2f0d5c70 (ED25519)")
  check.equal(ssh1.fingerprint_base64(sha256, "SHA256", "ED25519", 256),
    "256 SHA256:EdVIAuKKBVbAxdF7ERuIB+mgztlrd96ZnXnLXTXN8Zo (ED25519)")
  check.equal(ssh1.fingerprint_bubblebabble("", "RSA", 1), "1 xexax (RSA)")
  check.equal(ssh1.fingerprint_bubblebabble("1234567890", "RSA", 1),
    "1 xesef-disof-gytuf-katof-movif-baxux (RSA)")
  local picture = ssh1.fingerprint_visual(md5, "ED25519", 256)
  check.contains(picture, "+--[ED25519  256]----+\n|   .o.           |\n|    +.E          |")
  check.contains(picture, "|  oo+O+..        |\n+-----------------+\n")
end)

test("the key of an SSH 1 server", function()
  local function integer(bits, bytes)
    return string.pack(">I2", bits) .. bytes
  end
  local data = "\2" .. ("c"):rep(8) .. string.pack(">I4", 768) .. integer(8, "\x23") .. integer(16,
    "\xaa\xbb")
    .. string.pack(">I4", 1024) .. integer(8, "\x25") .. integer(24, "\xc0\xde\x01")
      .. ("\0"):rep(12) .. "crc4"
  local padding = 8 - #data % 8
  fake.servers["tcp:22"] = fake.replies("SSH-1.5-old\n", { string.pack(">I4", #data)
    .. ("p"):rep(padding) .. data })
  local key = ssh1.fetch_host_key(host, port)
  check.same({ key.algorithm, key.bits, key.exp, key.mod }, { "RSA1", 24, "0x25", "0xc0de01" })
  fake.servers["tcp:22"] = fake.replies("SSH-2.0-new\r\n")
  check.equal(ssh1.fetch_host_key(host, port), nil)
end)

test("a server of SSH 1 alone is none of SSH 2", function()
  local script = require "support.script"
  local known = { number = 22, service = "ssh", version = { name_confidence = 10 } }
  for _, name in ipairs({ "ssh2-enum-algos", "ssh-weak-algos" }) do
    fake.servers["tcp:22"] = fake.replies("SSH-1.5-1.2.27\n", {})
    check.equal(script.run(name, known), nil)
    fake.servers["tcp:22"] = fake.replies("SSH-1.99-OpenSSH_3.9p1\n", {})
    check.throws("no answer", script.run, name, known)
  end
end)
