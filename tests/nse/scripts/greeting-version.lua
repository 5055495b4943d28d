-- greeting-version on greetings, whole, in pieces and missing.
local test, check, fake = ...
local script = require "support.script"

local function run(port)
  local text, data, rule = script.run("greeting-version", port)
  check.equal(text, nil)
  check.equal(data, nil)
  return fake.stored(port.number), rule
end

test("the service is filled in, at whatever port", function()
  fake.servers["tcp:2222"] = fake.replies("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n", {}, true)
  local stored = run({ number = 2222, service = "EtherNetIP-1" })
  check.equal(stored.state, "hardmatched")
  check.same({ stored.version.name, stored.version.product, stored.version.version,
    stored.version.extrainfo, stored.version.ostype },
    { "ssh", "OpenSSH", "9.2p1 Debian 2+deb12u3", "protocol 2.0", "Linux" })
  check.same(stored.version.cpe, { "cpe:/a:openbsd:openssh:9.2p1", "cpe:/o:linux:linux_kernel" })
end)

test("a protocol without a known program is a name", function()
  fake.servers["tcp:143"] = fake.replies("* OK ready\r\n", {}, true)
  local stored = run({ number = 143, service = "imap" })
  check.same({ stored.state, stored.version.name, stored.version.product or "-" },
    { "softmatched", "imap", "-" })
end)

test("ports that begin with TLS are greeted in TLS", function()
  fake.servers["ssl:993"] = fake.replies("* OK Dovecot ready.\r\n", {}, true)
  local stored = run({ number = 993, service = "imaps" })
  check.same({ stored.version.name, stored.version.service_tunnel, stored.version.product },
    { "imap", "ssl", "Dovecot imapd" })
end)

test("a greeting in pieces is put together", function()
  fake.servers["tcp:25"] = function(peer)
    peer:send("220-mail.example wait\r\n")
    peer:send("220 mail.example ESM")
    peer:send("TP Postfix\r\n")
    peer:hang()
  end
  check.equal(run({ number = 25, service = "smtp" }).version.product, "Postfix smtpd")
end)

test("a server that never ends its greeting is not listened to for ever", function()
  local n = 0
  fake.servers["tcp:19"] = function(peer)
    while n < 1000 do
      n = n + 1
      peer:send(("x"):rep(72))
      coroutine.yield("the client reads on")
    end
  end
  check.equal(run({ number = 19, service = "chargen" }), nil)
  check.truthy(n < 100)
end)

test("silence is nothing where the client speaks first, and no answer where the server does", function()
  fake.servers["tcp:80"] = fake.replies(nil, {}, true)
  check.equal(run({ number = 80, service = "http" }), nil)
  fake.servers["tcp:22"] = fake.replies(nil, {}, true)
  check.throws("no greeting", run, { number = 22, service = "ssh" })
  fake.servers["tcp:22"] = fake.replies(nil, {})
  check.throws("no greeting", run, { number = 22, service = "ssh" })
  fake.servers["tcp:22"] = nil
  check.throws("no greeting", run, { number = 22, service = "ssh" })
end)

test("known products and ports that must not be touched are left alone", function()
  check.equal(select(2, run({ number = 22, service = "ssh", version = { product = "OpenSSH" } })), false)
  check.equal(select(2, run({ number = 9100 })), false)
end)
