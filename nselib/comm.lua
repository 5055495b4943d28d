--- One question, one answer: connect, send, read, close.
--
-- `options` is a table or nil:
--   timeout          milliseconds for connecting and for the answer
--   connect_timeout  milliseconds for connecting (when nil: by the host's measured
--                    round-trip time, 1 to 8 s; with a TLS handshake request_timeout)
--   request_timeout  milliseconds for the answer (when nil: 6 s more than connecting)
--   bytes, lines     wait for so many bytes or lines; else any data will do
--   proto            "tcp", "udp" or "ssl" (when nil: the port's, "ssl" for one found to be in a
--                    TLS tunnel)
--   recv_before      read the server's greeting before sending
--   connect_only     (opencon) do not read anything
--   tries            how often a datagram is sent that gets no answer (1)
--   any_af           let the resolver choose the address family

local ipairs, nmap, require, stdnse = ipairs, require "nmap", require, require "stdnse"
local setmetatable, type = setmetatable, type

local M = {}

local function timeouts(host, options)
  local connect = options.connect_timeout or options.timeout or stdnse.get_timeout(host, 8000, 1000)
  local request = options.request_timeout or options.timeout or connect + 6000
  return connect, request
end

local function protocol_of(port, options)
  if options.proto then
    return options.proto
  elseif type(port) ~= "table" then
    return "tcp"
  elseif port.version and port.version.service_tunnel == "ssl" then
    return "ssl"
  end
  return port.protocol or "tcp"
end

-- A connected socket, or nil, reason.
local function connected(host, port, options)
  local connect, request = timeouts(host, options)
  local protocol = protocol_of(port, options)
  local socket = nmap.new_socket(protocol == "udp" and "udp" or "tcp")
  -- a TLS handshake is an answer of the server, which may be busy, and not only of its host
  local handshake = protocol == "ssl" and not options.connect_timeout
  socket:set_timeout(handshake and request or connect)
  local status, reason = socket:connect(host, port, protocol)
  if not status then
    socket:close()
    return nil, reason
  end
  socket:set_timeout(request)
  return socket, protocol
end

local function read(socket, options)
  if options.lines then
    return socket:receive_lines(options.lines)
  elseif options.bytes then
    return socket:receive_bytes(options.bytes)
  end
  return socket:receive()
end

-- Sends, where there is something to send, and reads: true and the answer, or a false value and the
-- reason. Datagrams get lost.
local function ask(socket, data, options, tries)
  local status, answer
  for _ = 1, tries do
    status, answer = true, nil
    if data then
      status, answer = socket:send(data)
    end
    if status then
      status, answer = read(socket, options)
    end
    if status or answer ~= "TIMEOUT" then
      break
    end
  end
  return status, answer
end

--- The server's greeting: `true, text` or `false, reason`; over TLS on ports that speak it from the
-- first byte.
function M.get_banner(host, port, options)
  options = options or {}
  if protocol_of(port, options) == "tcp" and type(port) == "table"
    and require "shortport".ssl(host, port) then
    options = setmetatable({ proto = "ssl" }, { __index = options })
  end
  local socket, reason = connected(host, port, options)
  if not socket then
    return false, reason
  end
  local status, data = read(socket, options)
  socket:close()
  if not status then
    return false, data
  end
  return true, data
end

--- Sends `data` and reads the answer: `true, text` or `false, reason`.
function M.exchange(host, port, data, options)
  options = options or {}
  local socket, reply = M.opencon(host, port, data, options)
  if not socket then
    return false, reply
  end
  socket:close()
  if reply == nil then
    return false, "EOF"
  end
  return true, reply
end

--- Connects, sends `data` (nil or "" for nothing; or a function of the protocol that gives it) and
-- reads the answer. Returns the socket, which stays open, the answer and, with `recv_before`, the
-- greeting; or nil and the reason.
function M.opencon(host, port, data, options)
  options = options or {}
  local socket, protocol = connected(host, port, options)
  if not socket then
    return nil, protocol
  end
  local function give_up(why)
    socket:close()
    return nil, why
  end
  if options.connect_only then
    return socket
  end
  local status, early, answer
  if options.recv_before then
    status, early = read(socket, options)
    if not status then
      return give_up(early)
    end
  end
  if type(data) == "function" then
    data = data(protocol)
  end
  -- an empty datagram is a question, too (RFC 868)
  local something = data and (#data > 0 or protocol == "udp")
  if not something and options.recv_before then
    return socket, early, early
  end
  status, answer = ask(socket, something and data, options,
    protocol == "udp" and options.tries or 1)
  if not status then
    return give_up(answer)
  end
  return socket, answer, early
end

-- Which protocols to try, the likelier first.
local function candidates(host, port, options)
  if options.proto then
    return { options.proto }
  elseif type(port) == "table" and port.protocol == "udp" then
    return { "udp" }
  end
  local version = type(port) == "table" and port.version or {}
  if version.service_tunnel == "ssl" then
    return { "ssl", "tcp" }
  elseif type(port) == "table" and version.name_confidence and version.name_confidence > 3 then
    return { "tcp", "ssl" }
  elseif type(port) == "table" and type(host) == "table" and require "shortport".ssl(host,
    port) then
    return { "ssl", "tcp" }
  end
  return { "tcp", "ssl" }
end

--- `opencon` that finds out itself whether the port speaks TLS. Returns the socket, the answer, the
-- protocol that worked ("tcp" or "ssl") and, with `recv_before`, the greeting; or nil, the reason,
-- the protocol tried last.
function M.tryssl(host, port, data, options)
  options = options or {}
  local reason, tried
  for _, protocol in ipairs(candidates(host, port, options)) do
    local with = { proto = protocol }
    for _, name in ipairs({ "timeout", "connect_timeout", "request_timeout", "bytes", "lines",
      "recv_before", "any_af", "tries" }) do
      with[name] = options[name]
    end
    local socket, answer, early = M.opencon(host, port, data, with)
    if socket then
      return socket, answer, protocol, early
    end
    reason, tried = answer, protocol
  end
  return nil, reason, tried
end

return M
