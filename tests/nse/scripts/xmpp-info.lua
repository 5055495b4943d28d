-- xmpp-info on exchanges recorded from Prosody 0.12.3.
local test, check, fake = ...
local script = require "support.script"
local xmpp = require "xmpp"
local port = { number = 5222, service = "xmpp-client" }

local function opening(content)
  return "<?xml version='1.0'?><stream:stream xml:lang='en' id='8d04d1e5-3098-45fc-b63e-53517160d840'"
    .. " version='1.0' xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client'"
    .. " from='localhost'>" .. content
end
local register = "<register xmlns='http://jabber.org/features/iq-register'/>"
local function mechanisms(...)
  return "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>"
    .. table.concat({ ... }, "</mechanism><mechanism>") .. "</mechanism></mechanisms>"
end
local function features(content)
  return opening("<stream:features>" .. content .. "</stream:features>")
end
local tls = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
local proceed = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
local before = features(tls .. register .. mechanisms("SCRAM-SHA-1"))
local after = features(register .. mechanisms("SCRAM-SHA-1", "PLAIN"))
local unknown_host = opening("<stream:error><host-unknown"
  .. " xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text"
  .. " xmlns='urn:ietf:params:xml:ns:xmpp-streams'>This server does not serve nosuch</text>"
  .. "</stream:error></stream:stream>")

local host = { host = { name = "localhost" } }

test("what is offered before and after TLS", function()
  fake.servers["tcp:5222"] = script.server({ { "<stream:stream", before }, { "<starttls", proceed } })
  fake.servers["starttls:5222"] = script.server({ { "<stream:stream", after } })
  local text, data = script.run("xmpp-info", port, host)
  check.equal(text, [[
  Respects server name
  info: 
    xmpp: 
      lang: en
      version: 1.0
    capabilities: 
    features: 
      In-Band Registration
    auth_mechanisms: 
      SCRAM-SHA-1
  pre_tls: 
    xmpp: 
    capabilities: 
    features: 
      TLS
  post_tls: 
    xmpp: 
    capabilities: 
    auth_mechanisms: 
      PLAIN]])
  check.same(data.post_tls.auth_mechanisms, { "PLAIN" })
end)

test("the order in which a server names what it offers is no difference", function()
  local function told(...)
    fake.servers["tcp:5222"] = script.server({ { "<stream:stream", features(table.concat({ ... })) } })
    return select(2, script.run("xmpp-info", port, host))
  end
  local bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
  local x, y = "<x xmlns='urn:example:x'/>", "<y xmlns='urn:example:y'/>"
  local zip = "<compression><method>zlib</method><method>lzw</method></compression>"
  local data = told(bind, register, x, y, mechanisms("PLAIN", "EXTERNAL"), zip)
  check.same(data.info.auth_mechanisms, { "EXTERNAL", "PLAIN" })
  check.same(data.info.compression_methods, { "lzw", "zlib" })
  check.same(data, told(mechanisms("EXTERNAL", "PLAIN"), y, register, x, bind, zip))
end)

test("silence where TLS was to begin is an error, a refusal is a result", function()
  fake.servers["tcp:5222"] = script.server({ { "<stream:stream", before }, { "<starttls", false } })
  check.throws("no answer to STARTTLS", script.run, "xmpp-info", port, host)
  fake.servers["tcp:5222"] = script.server({ { "<stream:stream", before }, { "<starttls", proceed } })
  fake.servers["starttls:5222"] = script.server({ { "<stream:stream", false } })
  check.throws("no answer to STARTTLS", script.run, "xmpp-info", port, host)
  fake.servers["tcp:5222"] = script.server({ { "<stream:stream", before },
    { "<starttls", "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>" } })
  check.contains(script.run("xmpp-info", port, host), "STARTTLS Failed")
end)

test("a server that does not know the name says so", function()
  script.replay("xmpp-info")
  local _, data = script.run("xmpp-info", port)
  check.same(data.info.errors, { "host-unknown", "text: This server does not serve 127.0.0.1" })
  check.same(data.info.xmpp, { lang = "en", version = "1.0" })
  check.equal(data[1], nil)
end)

test("capabilities, compression and what has no name are shown", function()
  fake.servers["tcp:5222"] = script.server({ { "<stream:stream", features(
    "<c xmlns='http://jabber.org/protocol/caps' node='http://www.process-one.net/en/ejabberd/'"
    .. " ver='TQ2JFyRoSa70h2G1bpgjzuXb2sU=' hash='sha-1'/><compression"
    .. " xmlns='http://jabber.org/features/compress'><method>zlib</method></compression>"
    .. "<x xmlns='urn:example:new'/>") } })
  local _, data = script.run("xmpp-info", port)
  check.equal(data.info.capabilities.node, "http://www.process-one.net/en/ejabberd/")
  check.same(data.info.compression_methods, { "zlib" })
  check.same(data.info.unknown, { "urn:example:new" })
  check.equal(data[1], "Ignores server name")
end)

test("other servers ask with their own namespace", function()
  local asked
  fake.servers["tcp:5269"] = function(peer)
    asked = peer:recv()
    peer:send(unknown_host)
  end
  script.run("xmpp-info", { number = 5269, service = "xmpp-server" })
  check.contains(asked, "xmlns='jabber:server' xmlns:db='jabber:server:dialback'")
end)

test("another server, and garbage, have none", function()
  fake.servers["tcp:5222"] = fake.replies("220 ftp\r\n")
  check.equal(script.run("xmpp-info", port), nil)
  for _ = 1, 300 do
    fake.servers["tcp:5222"] = script.server({ { "<stream:stream", fake.mutated(before) },
      { "<starttls", fake.mutated(proceed) } })
    local ok, message = pcall(script.run, "xmpp-info", port, host)
    check.truthy(ok or message == "no answer to STARTTLS", message)
  end
end)

test("elements without end are bounded", function()
  local elements = xmpp.XML.parse(("<a>"):rep(5000))
  check.equal(#elements, 1)
  check.equal(#xmpp.XML.parse(("<a/>"):rep(5000)), 1000)
end)

test("tags without end, and names and values without end, are read at once", function()
  for _, text in ipairs({ "<" .. ("a"):rep(60000), ("<a"):rep(30000),
    "<a " .. ("b"):rep(60000) .. ">", "<a " .. ("b='"):rep(30000) .. ">" }) do
    check.quick(xmpp.XML.parse, text)
  end
  check.same(xmpp.XML.parse_tag([[<a b='1' x:c = "d'>]]).attrs, { b = "1" })
end)

test("a login is accepted or refused", function()
  local function login(answer)
    fake.servers["tcp:5222"] = script.server({ { "<stream:stream", features(mechanisms("PLAIN")) },
      { "<auth", answer } })
    local helper = xmpp.Helper:new(script.host(), script.port(port))
    check.truthy(helper:connect())
    check.same(helper:getAuthMechs(), { PLAIN = true })
    return helper:login("eve", "secret", "PLAIN")
  end
  check.truthy(login("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"))
  check.fails(login("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>"))
end)

test("an instruction is a tag, the text before a tag is its contents", function()
  local xml = require("xmpp").XML
  local tag = xml.parse_tag("<?xml version='1.0'?>")
  check.equal(tag.name .. tag.attrs.version, "?xml1.0")
  check.equal(tag.start and tag.finish, true)
  tag = xml.parse_tag("not served &amp; gone</text>")
  check.equal(tag.contents, "not served & gone")
  check.equal(tag.finish and not tag.start, true)
end)
