description = [[
Shows the protocols that a TLS server offers by the extension "next protocol negotiation", which came
before ALPN.
]]
---
-- @output
-- | tls-nextprotoneg:
-- |   spdy/3
-- |_  http/1.1

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = {}

local shortport = require "shortport"
local sslcert = require "sslcert"
local tls = require "tls"
local probe = require "tls.probe"

function portrule(host, port)
  return shortport.ssl(host, port) or sslcert.getPrepareTLSWithoutReconnect(port) ~= nil
end

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

-- What the ServerHello says to an empty offer, or nil and, when there was none, the reason.
local function offer_of(host, port)
  local status, socket = open(host, port)
  if not status then
    return nil, socket
  end
  socket:send(tls.client_hello({
    protocol = "TLSv1.2",
    host = host,
    extensions = {
      next_protocol_negotiation = tls.EXTENSION_HELPERS.next_protocol_negotiation(),
      elliptic_curves = tls.EXTENSION_HELPERS.elliptic_curves(tls.DEFAULT_ELLIPTIC_CURVES),
      ec_point_formats = tls.EXTENSION_HELPERS.ec_point_formats({ "uncompressed" }),
    },
  }))
  local buffer
  status, buffer = tls.record_buffer(socket, "", 1)
  socket:close()
  local _, record = tls.record_read(status and buffer or "", 1)
  for _, message in ipairs(record and record.body or {}) do
    if message.type == "server_hello" then
      return message.extensions and message.extensions.next_protocol_negotiation
    end
  end
  return nil, not status and buffer or nil
end

function action(host, port)
  local offer, reason = offer_of(host, port)
  if not offer then
    return reason and probe.unanswered_or_refused(host, port, reason)
  end
  local names, at = {}, 1
  while at <= #offer do
    local length = offer:byte(at)
    if length == 0 or at + length > #offer then
      break
    end
    names[#names + 1] = offer:sub(at + 1, at + length)
    at = at + 1 + length
  end
  return #names > 0 and names or nil
end
