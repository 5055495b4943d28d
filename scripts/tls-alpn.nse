description = [[
Shows the application protocols (HTTP/2 and others) that a TLS server agrees to, by ALPN (RFC 7301).
]]
---
-- @output
-- | tls-alpn:
-- |   h2
-- |_  http/1.1

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = {}
volatile = {}

local asker = require "asker"
local shortport = require "shortport"
local sslcert = require "sslcert"
local tls = require "tls"
local probe = require "tls.probe"

function portrule(host, port)
  return shortport.ssl(host, port) or sslcert.getPrepareTLSWithoutReconnect(port) ~= nil
end

-- Of IANA's registry, the likelier first.
local protocols = {
  "h2", "http/1.1", "http/1.0", "http/0.9", "spdy/3.1", "spdy/3", "spdy/2", "spdy/1", "h2c",
  "stun.turn",
  "stun.nat-discovery", "webrtc", "c-webrtc", "ftp", "imap", "pop3", "managesieve", "coap",
  "xmpp-client",
  "xmpp-server", "acme-tls/1", "mqtt", "dot", "ntske/1", "sunrpc", "h3", "smb", "irc", "nntp",
  "nnsp", "doq", "sip/2", "tds/8.0",
}

local function open(host, port)
  local prepare = sslcert.getPrepareTLSWithoutReconnect(port)
  if prepare then
    return prepare(host, port)
  end
  local socket = nmap.new_socket()
  socket:set_timeout(5000)
  local status, reason = socket:connect(host, port, "tcp")
  return status, status and socket or reason
end

-- One hello that offers `names`: a kind of the library asker; the extensions of the ServerHello, or
-- nil and a reason.
local function ask_once(host, port, names)
  local status, socket = open(host, port)
  if not status then
    return asker.is_loss(socket) and asker.SILENT or asker.ANSWERED, nil, socket
  end
  local helpers = tls.EXTENSION_HELPERS
  socket:send(tls.client_hello({
    protocol = "TLSv1.2",
    host = host,
    extensions = {
      application_layer_protocol_negotiation =
        helpers.application_layer_protocol_negotiation(names),
      elliptic_curves = helpers.elliptic_curves(tls.DEFAULT_ELLIPTIC_CURVES),
      ec_point_formats = helpers.ec_point_formats({ "uncompressed" }),
    },
  }))
  local buffer
  status, buffer = tls.record_buffer(socket, "", 1)
  socket:close()
  if not status then
    return asker.kind_of(buffer), nil, buffer
  end
  local _, record = tls.record_read(buffer, 1)
  for _, message in ipairs(record and record.body or {}) do
    if message.type == "server_hello" then
      return asker.ANSWERED, message.extensions
    end
  end
  return asker.ANSWERED
end

local function chosen_of(extensions)
  local data = extensions and extensions.application_layer_protocol_negotiation
  return data and #data > 3 and data:sub(4) or nil
end

-- Does the server take whatever it is offered? Then it tells nothing.
local function takes_all(server)
  return chosen_of((server:ask({ "muster/unknown" }))) == "muster/unknown"
end

local function agreed(server)
  local found, left = {}, { table.unpack(protocols) }
  while #left > 0 do
    local chosen, at = chosen_of((server:ask({ table.unpack(left) }))), nil
    for i, name in ipairs(left) do
      at = at or name == chosen and i or nil
    end
    if not at then
      break
    end
    found[#found + 1] = table.remove(left, at)
  end
  return found
end

function action(host, port)
  local server = asker.new(function(names)
    return ask_once(host, port, names)
  end)
  if takes_all(server) then
    return nil
  end
  local lost, found = server.silent, agreed(server)
  probe.expect(server, host, port)
  server:check()
  if #found == 0 or lost and takes_all(server) then
    return nil
  end
  return found
end
