--- POP3 (RFC 1939), its capabilities (RFC 2449) and logins (RFC 5034).

local base64, comm, ipairs, match = require "base64", require "comm", ipairs, require "match"
local pcall, require, stdnse, string = pcall, require, require "stdnse", string
local has_openssl, openssl = pcall(require, "openssl")

local M = {}

--- Why a function failed.
M.err = {
  none = 0, authError = 1, pwError = 2, userError = 3, OpenSSLMissing = 4,
}

local line_max, lines_max = 8192, 200

--- Does a line begin with +OK?
function M.stat(line)
  return line ~= nil and string.find(line, "^%+OK") ~= nil
end

local function ask(socket, text)
  local status, line = socket:send(text .. "\r\n")
  if status then
    status, line = socket:receive_buf(match.pattern_limit("\r?\n", line_max), false)
  end
  if not status then
    return nil, line
  end
  return line
end

--- Logs in with USER and PASS: true, M.err.none; or false and which of them failed.
function M.login_user(socket, user, pw)
  if not M.stat(ask(socket, "USER " .. user)) then
    return false, M.err.userError
  elseif not M.stat(ask(socket, "PASS " .. pw)) then
    return false, M.err.pwError
  end
  return true, M.err.none
end

--- Logs in with the mechanism PLAIN, LOGIN, CRAM-MD5, or with APOP.
function M.login_sasl_plain(socket, user, pw)
  local token = base64.enc(user .. "\0" .. user .. "\0" .. pw)
  if not M.stat(ask(socket, "AUTH PLAIN " .. token)) then
    return false, M.err.pwError
  end
  return true, M.err.none
end

function M.login_sasl_login(socket, user, pw)
  local line = ask(socket, "AUTH LOGIN")
  if not line or not string.find(line, "^%+") then
    return false, M.err.authError
  end
  line = ask(socket, base64.enc(user))
  if not line or not string.find(line, "^%+") then
    return false, M.err.userError
  elseif not M.stat(ask(socket, base64.enc(pw))) then
    return false, M.err.pwError
  end
  return true, M.err.none
end

function M.login_sasl_crammd5(socket, user, pw)
  if not has_openssl then
    return false, M.err.OpenSSLMissing
  end
  local line = ask(socket, "AUTH CRAM-MD5")
  local challenge = line and string.match(line, "^%+ (%S+)")
  if not challenge then
    return false, M.err.authError
  end
  local answer = user .. " " .. stdnse.tohex(openssl.hmac("md5", pw, base64.dec(challenge)))
  if not M.stat(ask(socket, base64.enc(answer))) then
    return false, M.err.pwError
  end
  return true, M.err.none
end

function M.login_apop(socket, user, pw, challenge)
  if not has_openssl then
    return false, M.err.OpenSSLMissing
  elseif not challenge then
    return false, M.err.authError
  end
  local proof = stdnse.tohex(openssl.md5(challenge .. pw))
  if not M.stat(ask(socket, "APOP " .. user .. " " .. proof)) then
    return false, M.err.pwError
  end
  return true, M.err.none
end

-- Lines up to the lone dot (RFC 1939, section 3); nil, reason when it does not come.
local function read_list(socket)
  local lines = {}
  for _ = 1, lines_max do
    local status, line = socket:receive_buf(match.pattern_limit("\r?\n", line_max), false)
    if not status then
      return nil, line
    elseif line == "." then
      return lines
    end
    lines[#lines + 1] = line
  end
  return nil, "the list does not end"
end

-- The lines of the answer to CAPA, none from a server that does not know it; nil, reason.
local function ask_capabilities(socket)
  local line, reason = ask(socket, "CAPA")
  if not line then
    return nil, reason
  end
  if not M.stat(line) then
    return {}
  end
  return read_list(socket)
end

local function words_of(text)
  local words = {}
  for word in string.gmatch(text, "%S+") do
    words[#words + 1] = word
  end
  return words
end

--- What a server can do: a table NAME -> array of its parameters; APOP when the greeting has a
-- challenge. nil, reason when it is no POP3 server; and with it true when it is one, which refused
-- to talk or broke off.
function M.capabilities(host, port)
  local socket, greeting, _, early = comm.tryssl(host, port, "", { recv_before = true, lines = 1,
    timeout = 10000 })
  if not socket then
    return nil, greeting
  end
  greeting = early or greeting
  if not M.stat(greeting) then
    socket:close()
    return nil, "no POP3 greeting", string.find(greeting, "^%-ERR") ~= nil
  end
  local lines, reason = ask_capabilities(socket)
  socket:close()
  if not lines then
    return nil, reason, true
  end
  local result = { APOP = string.find(greeting, "<[^%s<>]+>") and {} or nil }
  for _, line in ipairs(lines) do
    local name, rest = string.match(line, "^(%S+)%s*(.*)$")
    if name then
      result[name] = words_of(rest)
    end
  end
  return result
end

return M
