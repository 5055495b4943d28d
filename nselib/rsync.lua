--- The greeting of rsync daemons and their list of modules.

local match, nmap, setmetatable = require "match", require "nmap", setmetatable
local string, tonumber = string, tonumber

local M = {}

local line_max, lines_max = 1024, 1000

--- A conversation: `Helper:new(host, port, { timeout = ms })`.
M.Helper = {}
M.Helper.__index = M.Helper

function M.Helper:new(host, port, options)
  return setmetatable({ host = host, port = port, options = options or {} }, self)
end

local function line(self)
  return self.socket:receive_buf(match.pattern_limit("\r?\n", line_max), false)
end

--- Connects, exchanges greetings ("@RSYNCD: 31.0"). True, or false and the reason.
function M.Helper:connect(socket)
  self.socket = socket or nmap.new_socket()
  local patience = self.options.timeout or 5000
  self.socket:set_timeout(patience)
  local status, reason = self.socket:connect(self.host, self.port)
  if not status then
    return false, reason
  end
  local text
  status, text = line(self)
  if not status then
    return false, text
  end
  self.version = string.match(text, "^@RSYNCD: ([%d.]+)")
  if not self.version then
    return false, "no rsync daemon"
  end
  return self.socket:send("@RSYNCD: " .. self.version .. "\n")
end

local function names_of(self)
  local modules = {}
  for _ = 1, lines_max do
    local status, text = line(self)
    if not status then
      return false, text
    elseif string.find(text, "^@RSYNCD: EXIT") then
      return true, modules
    elseif string.find(text, "^@ERROR") then
      return false, text
    end
    modules[#modules + 1] = text
  end
  return false, "the list of modules has no end"
end

--- The lines that the daemon sends as its list, greetings among them: `true, array`, or
-- `false, reason`.
function M.Helper:listModules()
  local status, reason = self.socket:send("#list\n")
  if not status then
    return false, reason
  end
  return names_of(self)
end

--- Asks for a module: `true, "open"`, `true, "password"`, or `false, reason`.
function M.Helper:openModule(name)
  local status, reason = self.socket:send(name .. "\n")
  for _ = 1, lines_max do
    if not status then
      return false, reason
    end
    status, reason = line(self)
    if status and string.find(reason, "^@RSYNCD: OK") then
      return true, "open"
    elseif status and string.find(reason, "^@RSYNCD: AUTHREQD") then
      return true, "password"
    elseif status and string.find(reason, "^@ERROR") then
      return false, reason
    end
  end
  return false, "no answer"
end

--- The number of the protocol's version, as 31.
function M.Helper:protocol()
  return tonumber(string.match(self.version or "", "^%d+"))
end

function M.Helper:disconnect()
  return self.socket:close()
end

return M
