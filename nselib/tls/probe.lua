--- Questions to a TLS server that need no more than its first flight: which versions, ciphers,
-- groups it takes.

local asker, comm, ipairs, next, pairs = require "asker", require "comm", ipairs, next, pairs
local sslcert, string, tls, type = require "sslcert", string, require "tls", type

local M = {}

--- A connected socket on which TLS may begin, after the dialog of protocols that start in plain
-- text: `true, socket` or `false, reason`.
function M.open(host, port)
  local prepare = sslcert.getPrepareTLSWithoutReconnect(port)
  if prepare then
    return prepare(host, port)
  end
  local socket, reason = comm.opencon(host, port, nil, { connect_only = true, proto = "tcp" })
  if not socket then
    return false, reason
  end
  return true, socket
end

-- Is the flight over? In TLS 1.3 what follows the ServerHello is encrypted.
local function is_last(message, flight)
  return message.type == "server_hello_done"
    or message.type == "server_hello" and message.protocol == "TLSv1.3"
    or flight.alert ~= nil and flight.alert.level == "fatal"
end

--- Sends a hello and reads the server's first flight: a table of its messages by type
-- (`server_hello`, `certificate`, `server_key_exchange`, ...) and `alert`, and `broken`: why it did
-- not come to its end; nil, reason, connected when there is none. The server may answer in any
-- version.
function M.hello(host, port, options)
  local status, socket = M.open(host, port)
  if not status then
    return nil, socket, false
  end
  local reason
  status, reason = socket:send(tls.client_hello(options))
  reason = not status and reason or nil
  local flight, buffer, at, fragment = {}, "", 1, nil
  for _ = 1, status and 50 or 0 do
    status, buffer = tls.record_buffer(socket, buffer, at)
    if not status then
      reason = buffer
      break
    end
    local record
    at, record = tls.record_read(buffer, at, fragment)
    if not record then
      reason = "no TLS record"
      break
    end
    fragment = record.fragment
    local done = false
    for _, message in ipairs(record.body) do
      if record.type == "alert" then
        flight.alert = message
        done = message.level == "fatal"
      elseif record.type == "handshake" then
        flight[message.type] = flight[message.type] or message
        done = done or is_last(message, flight)
      end
    end
    if done then
      break
    end
  end
  socket:close()
  if not next(flight) then
    return nil, reason or "no answer", true
  end
  flight.broken = reason
  return flight
end

--- Is TLS known to be there: did the port speak it, at this visit or an earlier one, or was its
-- service recognised as one that switches to it?
function M.is_expected(host, port)
  local version = port.version or {}
  local tried = ((host.registry or {}).ssl or {})[port.number .. port.protocol]
  return version.service_tunnel == "ssl" or tried ~= nil and tried.tls == true
    or (version.name_confidence or 0) > 3 and sslcert.getPrepareTLSWithoutReconnect(port) ~= nil
end

--- The end of a script that got no certificate, for `reason` (as asker.unanswered).
function M.unanswered(host, port, reason)
  if M.is_expected(host, port) then
    return asker.broken_off(reason)
  end
  return nil
end

--- The same for a hello that a server may not like, of an old version or with few suites: some end
-- the connection without an alert. That is a refusal of one that does shake hands.
function M.unanswered_or_refused(host, port, reason)
  if asker.is_loss(reason) and M.is_expected(host, port)
    and not sslcert.shows_certificate(host, port) then
    return asker.broken_off(reason)
  end
  return nil
end

--- Tells an asker when silence to all its hellos is a loss, where a server may refuse all.
function M.expect(server, host, port)
  server.expected = M.is_expected(host, port)
  function server.answers()
    return sslcert.shows_certificate(host, port)
  end
end

--- An asker (library asker) whose questions are the options of hellos, and whose answers flights;
-- `host` is the host.
function M.asker(host, port)
  local result = asker.new(function(options)
    local flight, reason, connected = M.hello(host, port, options)
    if flight and not flight.broken then
      return asker.ANSWERED, flight
    end
    reason = reason or flight.broken
    -- that it has no TLS is an answer, too
    local answered = flight or connected or not asker.is_loss(reason)
    return answered and asker.kind_of(reason) or asker.SILENT, flight, reason
  end)
  result.host, result.expected = host, M.is_expected(host, port)
  return result
end

--- The extensions that go with a hello of our kind.
function M.extensions(protocol)
  local helpers = tls.EXTENSION_HELPERS
  if protocol == "SSLv3" then
    return nil
  end
  return {
    elliptic_curves = helpers.elliptic_curves(M.groups),
    ec_point_formats = protocol ~= "TLSv1.3" and helpers.ec_point_formats({ "uncompressed" })
    or nil,
  }
end

--- Named groups that we offer, the usual ones first.
M.groups = {
  "secp256r1", "secp384r1", "secp521r1", "ecdh_x25519", "ecdh_x448", "secp192r1", "secp224r1",
  "secp256k1",
  "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1", "sect283k1", "sect571r1", "ffdhe2048",
  "ffdhe3072",
  "ffdhe4096",
}

local group_names = {}
for name, code in pairs(tls.ELLIPTIC_CURVES) do
  group_names[code] = name
end

--- The group that the key_share of a TLS 1.3 ServerHello (or HelloRetryRequest) names, or nil.
function M.group_of(server_hello)
  local share = server_hello.extensions and server_hello.extensions.key_share
  if type(share) ~= "string" or #share < 2 then
    return nil
  end
  local code = string.unpack(">I2", share)
  return group_names[code] or string.format("0x%04x", code)
end

return M
