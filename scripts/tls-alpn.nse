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

local shortport = require "shortport"
local sslcert = require "sslcert"
local tls = require "tls"

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

-- The ServerHello to a hello that offers `names`: its extensions; or nil, and the reason when there
-- was no answer at all.
local function ask_once(host, port, names)
  local status, socket = open(host, port)
  if not status then
    return nil, socket
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
    return nil, buffer
  end
  local _, record = tls.record_read(buffer, 1)
  for _, message in ipairs(record and record.body or {}) do
    if message.type == "server_hello" then
      return message.extensions
    end
  end
end

-- Asks again where there was no answer. A server that ends the connection each time has answered:
-- some do so instead of an alert.
local function ask(host, port, names)
  local extensions, reason = ask_once(host, port, names)
  if reason then
    extensions, reason = ask_once(host, port, names)
  end
  return extensions, reason ~= "EOF" and reason or nil
end

local function chosen_of(extensions)
  local data = extensions and extensions.application_layer_protocol_negotiation
  return data and #data > 3 and data:sub(4) or nil
end

function action(host, port)
  local found, left = {}, { table.unpack(protocols) }
  -- a server that takes whatever it is offered tells nothing
  if chosen_of((ask(host, port, { "muster/unknown" }))) == "muster/unknown" then
    return nil
  end
  while #left > 0 do
    local extensions, reason = ask(host, port, left)
    if reason and #found > 0 then
      error("no answer after " .. table.concat(found, ", ") .. ": " .. tostring(reason), 0)
    end
    local chosen, at = chosen_of(extensions), nil
    for i, name in ipairs(left) do
      at = at or name == chosen and i or nil
    end
    if not at then
      break
    end
    found[#found + 1] = table.remove(left, at)
  end
  return #found > 0 and found or nil
end
