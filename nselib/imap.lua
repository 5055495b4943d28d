--- IMAP 4 (RFC 3501): capabilities and login.

local base64, comm, ipairs, match = require "base64", require "comm", ipairs, require "match"
local setmetatable, string, table = setmetatable, string, table

local M = {}

local line_max, lines_max = 65536, 500

--- The protocol: one conversation.
M.IMAP = {}
M.IMAP.__index = M.IMAP

function M.IMAP:new(host, port, options)
  return setmetatable({ host = host, port = port, options = options or {}, counter = 1 }, self)
end

--- Connects, over TLS where the server speaks it, and reads the greeting: true, or false and the
-- reason.
function M.IMAP:connect()
  local options = { recv_before = true, lines = 1, timeout = self.options.timeout or 10000 }
  local socket, greeting, _, early = comm.tryssl(self.host, self.port, "", options)
  if not socket then
    return false, greeting
  end
  self.socket, self.greeting = socket, early or greeting
  if not string.find(self.greeting, "^%* %u") then
    socket:close()
    return false, "no IMAP greeting"
  end
  return true
end

local function read_line(self)
  return self.socket:receive_buf(match.pattern_limit("\r?\n", line_max), false)
end

--- Sends a command under a new tag: true, or false and the reason.
function M.IMAP:send(cmd, params)
  self.counter = self.counter + 1
  self.tag = string.format("A%04d", self.counter)
  return self.socket:send(self.tag .. " " .. cmd .. (params and " " .. params or "") .. "\r\n")
end

--- Reads up to the answer with our tag: true or false as it says OK or not, and all lines as one
-- text.
function M.IMAP:receive()
  local lines = {}
  for _ = 1, lines_max do
    local status, line = read_line(self)
    if not status then
      return false, line
    end
    lines[#lines + 1] = line
    local verdict = string.match(line, "^" .. self.tag .. " (%u+)")
    if verdict then
      return verdict == "OK", table.concat(lines, "\n")
    elseif string.find(line, "^%+") then
      return true, table.concat(lines, "\n")
    end
  end
  return false, "the answer does not end"
end

--- The capabilities: true and a set { NAME = true }, or false and the reason.
function M.IMAP:capabilities()
  local status, reason = self:send("CAPABILITY")
  if not status then
    return false, reason
  end
  local text
  status, text = self:receive()
  if not status then
    return false, text
  end
  local capabilities = {}
  for line in string.gmatch(text, "[^\n]+") do
    for name in string.gmatch(string.match(line, "^%* CAPABILITY (.*)$") or "", "%S+") do
      capabilities[name] = true
    end
    -- some servers tell more with the tagged answer
    for name in string.gmatch(string.match(line, "%[CAPABILITY ([^%[%]]*)%]") or "", "%S+") do
      capabilities[name] = true
    end
  end
  return true, capabilities
end

local function quoted(text)
  return '"' .. string.gsub(text, '[\\"]', "\\%0") .. '"'
end

--- LOGIN: true, or false and what the server said.
function M.IMAP:login(username, password)
  self:send("LOGIN", quoted(username) .. " " .. quoted(password))
  return self:receive()
end

--- AUTHENTICATE with the mechanism PLAIN or LOGIN.
function M.IMAP:authenticate(username, pass, mech)
  self:send("AUTHENTICATE", mech)
  local status, text = self:receive()
  local answers = mech == "PLAIN" and { "\0" .. username .. "\0" .. pass } or { username, pass }
  for _, answer in ipairs(answers) do
    if not status then
      return false, text
    end
    self.socket:send(base64.enc(answer) .. "\r\n")
    status, text = self:receive()
  end
  return status, text
end

--- Closes the connection.
function M.IMAP:close()
  return self.socket:close()
end

--- What scripts use: the same, by the mechanism that is named.
M.Helper = {}
M.Helper.__index = M.Helper

function M.Helper:new(host, port, options)
  return setmetatable({ client = M.IMAP:new(host, port, options) }, self)
end
function M.Helper:connect()
  return self.client:connect()
end
function M.Helper:capabilities()
  return self.client:capabilities()
end
function M.Helper:login(username, password, mech)
  if not mech or mech == "LOGIN" then
    return self.client:login(username, password)
  end
  local client = self.client
  return client:authenticate(username, password, mech)
end
function M.Helper:close()
  return self.client:close()
end

return M
