description = [[
Shows the time that a TLS server puts into its ServerHello. Most servers put random bytes there
today, which is told as well.
]]
---
-- @output
-- |_ssl-date: 2026-11-22T21:42:33+00:00; -1s from local time.

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = {}
volatile = { "date", "delta" }

local asker = require "asker"
local datetime = require "datetime"
local shortport = require "shortport"
local sslcert = require "sslcert"
local stdnse = require "stdnse"
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

-- The time of a ServerHello and when it came, or nil and the reason.
local function server_time(host, port)
  local status, socket = open(host, port)
  if not status then
    return nil, socket
  end
  socket:send(tls.client_hello({
    protocol = "TLSv1.2",
    host = host,
    extensions = {
      elliptic_curves = tls.EXTENSION_HELPERS.elliptic_curves(tls.DEFAULT_ELLIPTIC_CURVES),
      ec_point_formats = tls.EXTENSION_HELPERS.ec_point_formats({ "uncompressed" }),
    },
  }))
  local buffer
  status, buffer = tls.record_buffer(socket, "", 1)
  local received = os.time()
  socket:close()
  local _, record = tls.record_read(status and buffer or "", 1)
  for _, message in ipairs(record and record.body or {}) do
    if message.type == "server_hello" then
      return message.time, received
    end
  end
  return nil, not status and buffer or "no ServerHello"
end

local year = 365 * 86400

function action(host, port)
  local first, received = server_time(host, port)
  if not first then
    return probe.unanswered_or_refused(host, port, received)
  end
  local second, received_again = server_time(host, port)
  if not second then
    return asker.broken_off(received_again)
  end
  -- two answers whose distance is not that of our clock are not times
  local drift = math.abs((second - first) - (received_again - received))
  if drift > 5 or math.abs(first - received) > 10 * year then
    return nil, "TLS randomness does not represent time"
  end
  datetime.record_skew(host, first, received)
  local output = stdnse.output_table()
  output.date = datetime.format_timestamp(first, 0)
  output.delta = first - received + 0.0
  local difference = datetime.format_difftime(os.date("!*t", first), os.date("!*t", received))
  return output, output.date .. "; " .. difference .. " from local time."
end
