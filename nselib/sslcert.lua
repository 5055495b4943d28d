--- Certificates of TLS servers, also of those that begin in plain text and switch (STARTTLS and its
-- like).
--
-- A certificate is what the host's `socket:get_ssl_certificate()` gives: `subject`, `issuer`,
-- `pubkey`, `validity`, `sig_algorithm`, `extensions`, `pem`, `digest(self, algorithm)`.
--
-- Sources: RFC 4217 (FTP), 2595 (IMAP, POP3), 3207 (SMTP), 4642 (NNTP), 4511 (LDAP), 6120 (XMPP);
-- the protocol manuals of MySQL and PostgreSQL; MS-TDS 2.2.6.5; the RFB extension VeNCrypt;
-- MS-RDPBCGR 2.2.1.1.

local ipairs, nmap, pairs, setmetatable = ipairs, require "nmap", pairs, setmetatable
local string, table, tostring, type = string, table, tostring, type
local asker, comm, match, stdnse = require "asker", require "comm", require "match", require "stdnse"
local tls = require "tls"

local M = {}

local line_max = 8192

local function read_line(socket)
  return socket:receive_buf(match.pattern_limit("\r?\n", line_max), false)
end

-- Dialogs -----------------------------------------------------------------------------------------
-- Each is called with a connected socket and returns true when TLS may begin, or false and a
-- reason; with it true when the server, which answered as it should, has no TLS.

local dialogs = {}

-- Lines "250-more", "250 last".
local function read_reply(socket)
  for _ = 1, 100 do
    local status, line = read_line(socket)
    if not status then
      return nil, line
    end
    local code, mark = string.match(line, "^(%d%d%d)(.?)")
    if code and mark ~= "-" then
      return code, line
    end
  end
  return nil, "the reply does not end"
end

local function expect(socket, request, wanted)
  if request then
    local status, reason = socket:send(request)
    if not status then
      return false, reason
    end
  end
  local code, line = read_reply(socket)
  if code ~= wanted then
    return false, line or "no reply"
  end
  return true
end

local function say(...)
  local steps = { ... }
  return function(socket)
    for _, step in ipairs(steps) do
      local ok, reason = expect(socket, step[1], step[2])
      if not ok then
        return false, reason
      end
    end
    return true
  end
end

dialogs.ftp = say({ nil, "220" }, { "AUTH TLS\r\n", "234" })
dialogs.smtp = say({ nil, "220" }, { "EHLO localhost\r\n", "250" }, { "STARTTLS\r\n", "220" })
dialogs.lmtp = say({ nil, "220" }, { "LHLO localhost\r\n", "250" }, { "STARTTLS\r\n", "220" })

function dialogs.nntp(socket)
  local code, line = read_reply(socket)
  if code ~= "200" and code ~= "201" then
    return false, line
  end
  return expect(socket, "STARTTLS\r\n", "382")
end

-- Sends a line and reads lines up to one that begins with one of the patterns; true when it is the
-- first.
local function ask(socket, request, good, bad)
  if request then
    local status, reason = socket:send(request)
    if not status then
      return false, reason
    end
  end
  for _ = 1, 100 do
    local status, line = read_line(socket)
    if not status then
      return false, line
    elseif string.find(line, good) then
      return true
    elseif string.find(line, bad) then
      return false, line
    end
  end
  return false, "the reply does not end"
end

function dialogs.imap(socket)
  local ok, reason = ask(socket, nil, "^%* %u", "^[^*]")
  if not ok then
    return false, reason
  end
  return ask(socket, "a1 STARTTLS\r\n", "^a1 OK", "^a1 ")
end

function dialogs.pop3(socket)
  local ok, reason = ask(socket, nil, "^%+OK", "^%-")
  if not ok then
    return false, reason
  end
  return ask(socket, "STLS\r\n", "^%+OK", "^%-")
end

-- ExtendedRequest with the OID of StartTLS (RFC 4511, section 4.14); resultCode 0 is success.
function dialogs.ldap(socket)
  local oid = "1.3.6.1.4.1.1466.20037"
  local request = string.pack(">Bs1", 0x77, string.pack(">Bs1", 0x80, oid))
  socket:send(string.pack(">Bs1", 0x30, "\x02\x01\x01" .. request))
  local status, reply = socket:receive_bytes(14)
  if not status then
    return false, reply
  end
  local response = string.find(reply, "\x78", 1, true)
  if response and string.find(reply, "\x0a\x01\x00", response, true) then
    return true
  end
  return false, "StartTLS was refused"
end

-- The 4-byte header is length and number of a packet; capability bit 0x800 is TLS.
function dialogs.mysql(socket)
  local status, packet = socket:receive_buf(match.numbytes(4), true)
  if not status then
    return false, packet
  end
  local length = string.unpack("<I3", packet)
  if length > 4096 then
    return false, "no MySQL greeting"
  end
  local body
  status, body = match.read(socket, length)
  if not status or string.byte(body) == 0xff then
    return false, body
  end
  local after = string.find(body, "\0", 2, true)
  if not after or #body < after + 15 then
    return false, "no MySQL greeting"
  end
  local capabilities = string.unpack("<I2", body, after + 14)
  if capabilities & 0x800 == 0 then
    return false, "the server offers no TLS", true
  end
  -- SSLRequest: 4.1 protocol, secure connection, TLS; 16 MiB packets; utf8
  local request = string.pack("<I4I4B", 0x8200 | 0x800 | 0x1, 0xffffff, 33) .. string.rep("\0", 23)
  return socket:send(string.pack("<I3B", #request, 1) .. request)
end

function dialogs.postgres(socket)
  socket:send(string.pack(">I4I4", 8, 80877103))
  local status, reply = socket:receive_bytes(1)
  if not status then
    return false, reply
  end
  return string.sub(reply, 1, 1) == "S", "the server offers no TLS"
end

-- Between servers (port 5269) the stream has another namespace.
function dialogs.xmpp(socket, host, port)
  local name = stdnse.get_hostname(host)
  local number = type(port) == "table" and port.number or port
  socket:send("<?xml version='1.0'?><stream:stream xmlns='jabber:"
    .. (number == 5269 and "server" or "client") .. "'"
    .. " xmlns:stream='http://etherx.jabber.org/streams' version='1.0' to='" .. name .. "'>")
  local status, text = socket:receive_buf(match.pattern_limit("</stream:features>", 65536), true)
  if not status or not string.find(text, "urn:ietf:params:xml:ns:xmpp-tls", 1, true) then
    return false, status and "the server offers no TLS" or text
  end
  socket:send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
  status, text = socket:receive_buf(match.pattern_limit(">", line_max), true)
  return status and string.find(text, "<proceed", 1, true) ~= nil, text
end

-- VeNCrypt 0.2 inside RFB 3.7 or later; subtypes 258-262 are TLS or X509.
function dialogs.vnc(socket)
  local status, version = socket:receive_buf(match.numbytes(12), true)
  if not status or not string.find(version, "^RFB 00") then
    return false, "no RFB server"
  elseif version < "RFB 003.007\n" then
    return false, "RFB 3.3 has no VeNCrypt", true
  end
  socket:send(version > "RFB 003.008\n" and "RFB 003.008\n" or version)
  local n, types
  status, n = socket:receive_buf(match.numbytes(1), true)
  status, types = match.read(socket, status and string.byte(n) or 1)
  if not status or not string.find(types, "\x13", 1, true) then
    -- (an empty list comes with a refusal)
    return false, "the server offers no VeNCrypt", status and types ~= ""
  end
  socket:send("\x13")
  status = socket:receive_buf(match.numbytes(2), true)
  socket:send("\0\2")
  local answer
  status, answer = socket:receive_buf(match.numbytes(2), true)
  if not status or string.byte(answer) ~= 0 then
    return false, "VeNCrypt 0.2 was refused"
  end
  local subtypes
  status, subtypes = match.read(socket, 4 * string.byte(answer, 2))
  for i = 1, status and #subtypes - 3 or 0, 4 do
    local subtype = string.unpack(">I4", subtypes, i)
    if subtype >= 257 and subtype <= 262 then
      socket:send(string.pack(">I4", subtype))
      status, answer = socket:receive_buf(match.numbytes(1), true)
      return status and answer == "\1", "TLS was refused"
    end
  end
  return false, "the server offers no VeNCrypt subtype with TLS"
end

-- X.224 connection request that asks for TLS; the confirm names the chosen protocol.
function dialogs.rdp(socket)
  local negotiation = string.pack("<BBI2I4", 1, 0, 8, 3)
  local request = string.pack(">s1", "\xe0\0\0\0\0\0" .. negotiation)
  socket:send(string.pack(">BBI2", 3, 0, #request + 4) .. request)
  local status, reply = socket:receive_bytes(19)
  if not status or #reply < 19 or string.byte(reply, 6) ~= 0xd0 then
    return false, "no RDP server"
  end
  local kind, chosen = string.unpack("<BxxxI4", reply, 12)
  return kind == 2 and chosen > 0, "the server offers no TLS"
end

-- TDS PRELOGIN with encryption on; the handshake is then carried in packets of the type PRELOGIN.
function dialogs.tds(socket)
  local options = string.pack(">BI2I2BI2I2B", 0, 11, 6, 1, 17, 1, 0xff) .. "\9\0\0\0\0\0\1"
  socket:send(string.pack(">BBI2I2BB", 0x12, 1, #options + 8, 0, 1, 0) .. options)
  local status, reply = socket:receive_bytes(8)
  if not status or #reply < 14 then
    return false, "no TDS server"
  end
  local at = 9
  while at + 4 <= #reply and string.byte(reply, at) ~= 0xff do
    local option, offset = string.unpack(">BI2I2", reply, at)
    if option == 1 then
      local encryption = string.byte(reply, 9 + offset)
      return encryption == 1 or encryption == 3 or encryption == 0,
        "the server offers no encryption"
    end
    at = at + 5
  end
  return false, "the server says nothing of encryption"
end

-- Wrapped sockets ---------------------------------------------------------------------------------

--- A socket whose data are wrapped in packets of another protocol. `wrap(data)` and `unwrap(data)`
-- do it; the rest is the socket's own. Reading gives what one read of the socket held.
M.WrappedSocket = {}
M.WrappedSocket.__index = M.WrappedSocket

function M.WrappedSocket:new(socket, o)
  return setmetatable({ socket = socket, wrap = o.wrap, unwrap = o.unwrap }, self)
end
function M.WrappedSocket:send(data)
  return self.socket:send(self.wrap(data))
end
local function unwrapped(self, status, data)
  if not status then
    return status, data
  end
  return true, self.unwrap(data)
end
function M.WrappedSocket:receive()
  return unwrapped(self, self.socket:receive())
end
function M.WrappedSocket:receive_bytes(n)
  return unwrapped(self, self.socket:receive_bytes(n))
end
function M.WrappedSocket:receive_lines(n)
  return unwrapped(self, self.socket:receive_lines(n))
end
function M.WrappedSocket:receive_buf(delimiter, keep)
  return self.socket:receive_buf(delimiter, keep)
end
function M.WrappedSocket:set_timeout(ms)
  return self.socket:set_timeout(ms)
end
function M.WrappedSocket:close()
  return self.socket:close()
end

-- Takes the 8-byte TDS headers out of what was received; packets may come in any pieces.
local function tds_unwrapper()
  local rest = ""
  return function(data)
    rest = rest .. data
    local out = {}
    while #rest >= 8 do
      local length = string.unpack(">I2", rest, 3)
      if length < 8 or #rest < length then
        break
      end
      out[#out + 1] = string.sub(rest, 9, length)
      rest = string.sub(rest, length + 1)
    end
    return table.concat(out)
  end
end

local wrappers = {
  tds = function(socket)
    return M.WrappedSocket:new(socket, {
      wrap = function(data)
        return string.pack(">BBI2I2BB", 0x12, 1, #data + 8, 0, 1, 0) .. data
      end,
      unwrap = tds_unwrapper(),
    })
  end,
}

-- Which dialog for which port ---------------------------------------------------------------------

local by_service = {
  ftp = "ftp", imap = "imap", imap2 = "imap", imap3 = "imap", pop3 = "pop3", smtp = "smtp",
  submission = "smtp",
  lmtp = "lmtp", nntp = "nntp", ldap = "ldap", xmpp = "xmpp", jabber = "xmpp",
  ["xmpp-client"] = "xmpp",
  ["xmpp-server"] = "xmpp", ["ms-wbt-server"] = "rdp",
  mysql = "mysql", postgresql = "postgres", ["ms-sql-s"] = "tds", ["ms-sql-m"] = "tds",
  ["ms-sql"] = "tds", vnc = "vnc",
}
local by_number = {
  [21] = "ftp", [25] = "smtp", [587] = "smtp", [110] = "pop3", [119] = "nntp", [143] = "imap",
  [389] = "ldap",
  [1433] = "tds", [3306] = "mysql", [5222] = "xmpp", [5269] = "xmpp", [5432] = "postgres",
  [5900] = "vnc", [24] = "lmtp", [3389] = "rdp",
}

local function protocol_of(port)
  if type(port) ~= "table" then
    return by_number[port]
  elseif port.version and port.version.service_tunnel == "ssl" then
    return nil
  end
  return by_service[port.service or ""] or by_number[port.number]
end

-- Servers of these keep count of those who break off, and lock them out in the end: MySQL's
-- max_connect_errors, VNC's failed attempts. One that has no TLS is asked once, not by each script.
local counting = { mysql = true, vnc = true }

-- The ports of a host that are known to have no TLS: the reasons, by number.
local function plain_ports(host)
  local registry = type(host) == "table" and host.registry or {}
  registry.plain = registry.plain or {}
  return registry.plain
end

local function number_of(port)
  return type(port) == "table" and port.number or port
end

-- Connects and speaks the dialog: `true, socket` or `false, reason`, and whether there is no TLS.
local function speak(name, host, port)
  local socket, reason = comm.opencon(host, port, nil, { connect_only = true, proto = "tcp" })
  if not socket then
    return false, reason
  end
  local ok, plain
  ok, reason, plain = dialogs[name](socket, host, port)
  if not ok then
    socket:close()
    return false, reason, plain
  end
  return true, wrappers[name] and wrappers[name](socket) or socket
end

-- The same, but for a port that is known to have no TLS.
local function connect_plain(name, host, port)
  if not counting[name] then
    return speak(name, host, port)
  end
  local known, number = plain_ports(host), number_of(port)
  local mutex = nmap.mutex("TLS of " .. stdnse.get_hostname(host) .. ":" .. number)
  mutex "lock"
  local status, result, plain = false, known[number], nil
  if not result then
    status, result, plain = speak(name, host, port)
    known[number] = plain and result or nil
  end
  mutex "done"
  return status, result
end

--- `<protocol>_prepare_tls_without_reconnect(host, port)`: `true, socket` on which TLS may begin,
-- or `false, reason`. `<protocol>_prepare_tls(host, port)`: the same with the TLS handshake done
-- (not for tds, whose socket is wrapped).
M.StartTLS = {}
for name in pairs(dialogs) do
  M.StartTLS[name .. "_prepare_tls_without_reconnect"] = function(host, port)
    return connect_plain(name, host, port)
  end
  M.StartTLS[name .. "_prepare_tls"] = function(host, port)
    local status, socket = connect_plain(name, host, port)
    if not status then
      return false, socket
    elseif wrappers[name] then
      return true, socket
    end
    local reason
    status, reason = socket:reconnect_ssl()
    if not status then
      socket:close()
      return false, reason
    end
    return true, socket
  end
end

--- Is the port one whose protocol begins in plain text and can switch to TLS?  The function that
-- connects and switches, see `StartTLS`; nil for others.
function M.isPortSupported(port)
  local name = protocol_of(port)
  return name and M.StartTLS[name .. "_prepare_tls"]
end

--- The function that prepares such a port for TLS, see `StartTLS`; nil for others.
function M.getPrepareTLSWithoutReconnect(port)
  local name = protocol_of(port)
  return name and M.StartTLS[name .. "_prepare_tls_without_reconnect"]
end

-- Certificates ------------------------------------------------------------------------------------

--- A certificate from its DER bytes, or nil.
function M.parse_ssl_certificate(der)
  return nmap.socket.parse_ssl_certificate(der)
end

-- Reads records up to the Certificate message, or to an alert that ends it: DER, or nil, reason.
local function read_certificate(socket)
  local buffer, at, fragment = "", 1, nil
  for _ = 1, 20 do
    local status, record
    status, buffer = tls.record_buffer(socket, buffer, at)
    if not status then
      return nil, buffer
    end
    at, record = tls.record_read(buffer, at, fragment)
    if not record then
      return nil, "no TLS record"
    end
    fragment = record.fragment
    for _, message in ipairs(record.body) do
      if message.type == "certificate" and message.certificates then
        return message.certificates[1], "no certificate"
      elseif record.type == "alert" and message.level == "fatal" then
        return nil, "alert " .. tostring(message.description)
      end
    end
  end
  return nil, "no certificate"
end

-- Of two reasons the one that says more: what the server answered, such as an alert, rather than that
-- something got lost.
local function telling(first, second)
  return asker.is_loss(first) and second or first or second
end

-- The handshake by hand, as far as the certificate goes: for servers with which the library cannot
-- agree, and for those that ask for a certificate of ours.
local function certificate_by_hand(host, port, open)
  local reason
  for _, protocol in ipairs({ "TLSv1.2", "TLSv1.0", "SSLv3" }) do
    local status, socket = open(host, port)
    if not status then
      return nil, telling(reason, socket)
    end
    local helpers = tls.EXTENSION_HELPERS
    local hello = tls.client_hello({
      protocol = protocol, ciphers = tls.suites_with_certificate(), host = host,
      extensions = protocol ~= "SSLv3" and {
        elliptic_curves = helpers.elliptic_curves(tls.DEFAULT_ELLIPTIC_CURVES),
        ec_point_formats = helpers.ec_point_formats({ "uncompressed" }),
      } or nil,
    })
    local der, why
    status, why = socket:send(hello)
    if status then
      der, why = read_certificate(socket)
    end
    reason = telling(reason, why)
    socket:close()
    local cert = der and M.parse_ssl_certificate(der)
    if cert then
      return cert
    end
  end
  return nil, reason
end

local function open_direct(host, port)
  local socket, reason = comm.opencon(host, port, nil, { connect_only = true, proto = "tcp" })
  if not socket then
    return false, reason
  end
  return true, socket
end

-- The certificate over a connection that the library secured; cert, or nil, reason.
local function certificate_of(socket)
  local cert = socket:get_ssl_certificate()
  socket:close()
  if not cert then
    return nil, "the server showed no certificate"
  end
  return cert
end

local function fetch_after_dialog(name, host, port)
  local status, socket, reason, cert
  if not wrappers[name] then
    status, socket = M.StartTLS[name .. "_prepare_tls"](host, port)
    if status then
      cert, reason = certificate_of(socket)
    else
      reason = socket
    end
  end
  if cert then
    return cert
  end
  local by_hand
  cert, by_hand = certificate_by_hand(host, port, M.StartTLS[name
    .. "_prepare_tls_without_reconnect"])
  return cert, telling(reason, by_hand)
end

-- Milliseconds: a mail server makes a process for each connection, and other scripts may ask it, too.
local handshake_timeout = 30000

local function fetch_direct(host, port)
  local socket, reason = comm.opencon(host, port, nil, { connect_only = true, proto = "ssl",
    request_timeout = handshake_timeout })
  if socket then
    return certificate_of(socket)
  elseif reason ~= "ERROR" then
    return nil, reason
  end
  return certificate_by_hand(host, port, open_direct)
end

local function fetch(host, port)
  local name = protocol_of(port)
  local cert, reason
  if name then
    cert, reason = fetch_after_dialog(name, host, port)
  end
  if not cert and not plain_ports(host)[number_of(port)] then
    local direct
    cert, direct = fetch_direct(host, port)
    reason = reason or direct
  end
  if not cert and type(port) == "table" and (port.number == 3389
    or port.service == "ms-wbt-server") then
    cert = fetch_after_dialog("rdp", host, port)
  end
  return cert, reason
end

--- Does a server show a certificate now? What `getCertificate` has may be of before.
function M.shows_certificate(host, port)
  return fetch(host, port) ~= nil
end

--- The certificate of a server: `true, certificate` or `false, reason`. It is kept with the host,
-- so that several scripts cost one connection.
function M.getCertificate(host, port)
  local number = number_of(port)
  local registry = type(host) == "table" and host.registry or {}
  registry.certificates = registry.certificates or {}
  local kept = registry.certificates
  local mutex = nmap.mutex("certificate of " .. stdnse.get_hostname(host) .. ":" .. number)
  mutex "lock"
  if kept[number] == nil then
    local cert, reason = fetch(host, port)
    kept[number] = cert and { cert = cert } or { reason = reason or "no certificate" }
  end
  mutex "done"
  local answer = kept[number]
  if not answer.cert then
    return false, answer.reason
  end
  return true, answer.cert
end

return M
