--- SMTP (RFC 5321), its TLS (RFC 3207) and authentication (RFC 4954).
--
-- Replies are texts as they came, all their lines. Functions that ask return `true, reply` or
-- `false, reason or reply`.

local base64, comm, ipairs = require "base64", require "comm", ipairs
local pcall, require, stdnse, string = pcall, require, require "stdnse", string
local tonumber, type = tonumber, type
local has_openssl, openssl = pcall(require, "openssl")

local M = {}

local lines_max, bytes_max = 200, 65536

-- What each command may be answered with.
local good_codes = {
  CONNECT = { 220 }, EHLO = { 250 }, HELO = { 250 }, MAIL = { 250 }, RCPT = { 250, 251 },
  DATA = { 354 },
  DATA_END = { 250 }, QUIT = { 221 }, RSET = { 250 }, VRFY = { 250, 251, 252 }, EXPN = { 250 },
  HELP = { 211, 214 }, STARTTLS = { 220 }, AUTH = { 334, 235 }, NOOP = { 250 },
}

local function reply_code(reply)
  return tonumber(string.match(reply or "", "^(%d%d%d)"))
end

--- Is `reply` what the command wants to hear? True, or false and the reply or a message.
function M.check_reply(cmd, reply)
  local code = reply_code(reply)
  if not code then
    return false, "no SMTP reply"
  end
  for _, good in ipairs(good_codes[string.upper(cmd)] or {}) do
    if code == good then
      return true
    end
  end
  return false, string.format("SMTP %s was answered: %s", string.upper(cmd),
    string.match(reply, "^[^\r\n]*"))
end

-- Reads to the end of a reply: the line whose code is followed by a blank.
local function read_reply(socket, first)
  local reply = first or ""
  for _ = 1, lines_max do
    local last = string.match("\n" .. reply, "\n(%d%d%d[^\r\n]*)\r?\n?$")
    if last and string.find(reply, "\n$") and not string.find(last, "^%d%d%d%-") then
      return true, reply
    elseif #reply > bytes_max then
      return false, "the reply does not end"
    end
    local status, data = socket:receive_lines(1)
    if not status then
      if reply ~= "" and reply_code(reply) then
        return true, reply
      end
      return false, data
    end
    reply = reply .. data
  end
  return false, "the reply does not end"
end

--- The name that we greet with: the script argument `smtp.domain`, else the host's domain, else
-- "localhost.localdomain".
function M.get_domain(host)
  local given = stdnse.get_script_args("smtp.domain")
  if given then
    return given
  end
  local name = type(host) == "table" and (host.targetname or host.name) or ""
  local domain = string.match(name, "%.(.+%..+)$")
  return domain or (string.find(name, "%.") and name) or "localhost.localdomain"
end

--- Connects and reads the greeting: socket, greeting; or false, reason ("no SMTP reply" for the
-- greeting of something else). `opts`: `ssl` (find out about TLS), `timeout` (ms), `recv_before`
-- (default true: the greeting).
function M.connect(host, port, opts)
  opts = opts or {}
  local options = { timeout = opts.timeout or 10000, recv_before = true, lines = 1 }
  local socket, greeting
  if opts.ssl then
    socket, greeting = comm.tryssl(host, port, nil, options)
  else
    options.proto = "tcp"
    socket, greeting = comm.opencon(host, port, nil, options)
  end
  if not socket then
    return false, greeting
  elseif string.find(greeting, "\n") and not reply_code(greeting) then
    socket:close()
    return false, "no SMTP reply"
  end
  local status, reply = read_reply(socket, greeting)
  if not status then
    socket:close()
    return false, reply
  end
  return socket, reply
end

--- Sends a command with its argument and reads the reply. `lines` is there for old callers.
function M.query(socket, cmd, data, _lines)
  local text = data and cmd .. " " .. data or cmd
  local status, reason = socket:send(text .. "\r\n")
  if not status then
    return false, reason
  end
  return read_reply(socket)
end

-- A function that sends a command and checks the reply.
local function command(cmd, argument)
  return function(socket, value)
    local status, reply = M.query(socket, cmd, argument and argument(value) or value)
    if not status then
      return false, reply
    end
    local ok, why = M.check_reply(cmd, reply)
    if not ok then
      return false, why
    end
    return true, reply
  end
end

--- EHLO with our name.
M.ehlo = command("EHLO")
--- HELP, RSET, VRFY of a mailbox.
M.help = command("HELP")
M.reset = command("RSET")
M.verify = command("VRFY")

local function in_brackets(address)
  return string.find(address, "^<") and address or "<" .. address .. ">"
end

--- MAIL FROM, with parameters of extensions.
function M.mail(socket, address, esmtp_opts)
  local argument = "FROM:" .. in_brackets(address) .. (esmtp_opts and " " .. esmtp_opts or "")
  return command("MAIL")(socket, argument)
end

--- RCPT TO.
function M.recipient(socket, address)
  return command("RCPT")(socket, "TO:" .. in_brackets(address))
end

--- DATA with a message.
function M.datasend(socket, data)
  local ok, reply = command("DATA")(socket)
  if not ok then
    return false, reply
  end
  data = string.gsub(string.gsub("\n" .. data, "\n%.", "\n.."), "^\n", "")
  local status, answer = M.query(socket, data .. "\r\n.")
  if not status then
    return false, answer
  end
  return M.check_reply("DATA_END", answer), answer
end

--- STARTTLS, and the handshake: the reply to it.
function M.starttls(socket)
  local ok, reply = command("STARTTLS")(socket)
  if not ok then
    return false, reply
  end
  local status, reason = socket:reconnect_ssl()
  if not status then
    return false, reason
  end
  return true, reply
end

--- QUIT, and closes.
function M.quit(socket)
  socket:send("QUIT\r\n")
  socket:receive_lines(1)
  socket:close()
end

--- The mechanisms of AUTH in the reply to EHLO: an array in upper case, or nil.
function M.get_auth_mech(response)
  local mechanisms, seen = {}, {}
  for line in string.gmatch(response, "[^\r\n]+") do
    local list = string.match(string.upper(line), "^%d+[%- ]AUTH[ =](.*)$")
    for name in string.gmatch(list or "", "[%w%-_]+") do
      if not seen[name] then
        seen[name] = true
        mechanisms[#mechanisms + 1] = name
      end
    end
  end
  return #mechanisms > 0 and mechanisms or nil
end

local function auth_plain(socket, username, password)
  local token = base64.enc("\0" .. username .. "\0" .. password)
  return M.query(socket, "AUTH", "PLAIN " .. token)
end

local function auth_login(socket, username, password)
  local status, reply = M.query(socket, "AUTH", "LOGIN")
  for _, answer in ipairs({ username, password }) do
    if not status or reply_code(reply) ~= 334 then
      break
    end
    status, reply = M.query(socket, base64.enc(answer))
  end
  return status, reply
end

local function auth_cram_md5(socket, username, password)
  local status, reply = M.query(socket, "AUTH", "CRAM-MD5")
  if not status or reply_code(reply) ~= 334 or not has_openssl then
    return status, reply
  end
  local challenge = base64.dec(string.match(reply, "^334 (%S+)") or "")
  local answer = username .. " " .. stdnse.tohex(openssl.hmac("md5", password, challenge))
  return M.query(socket, base64.enc(answer))
end

local mechanisms = { PLAIN = auth_plain, LOGIN = auth_login, ["CRAM-MD5"] = auth_cram_md5 }

--- Logs in with a mechanism (PLAIN, LOGIN, CRAM-MD5).
function M.login(socket, username, password, mech)
  local login = mechanisms[string.upper(mech)]
  if not login then
    return false, "the mechanism " .. mech .. " is not known"
  end
  local status, reply = login(socket, username, password)
  if status and reply_code(reply) == 235 then
    return true, reply
  end
  return false, reply
end

return M
