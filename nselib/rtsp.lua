--- RTSP (RFC 2326): requests, responses, a client.

local ipairs, match, math, nmap = ipairs, require "match", math, require "nmap"
local setmetatable, string, stringaux = setmetatable, string, require "stringaux"
local table, tonumber, tostring = table, tonumber, tostring

local M = {}

local head_max, body_max = 16384, 65536

--- A request: `Request:new(url, headers)`, then `setCommand`, `addHeader`; tostring gives its
-- bytes.
M.Request = {}
M.Request.__index = M.Request

function M.Request:new(url, headers)
  return setmetatable({ url = url, headers = headers or {}, cseq = 1 }, self)
end

function M.Request:setCommand(command)
  self.command = command
end

function M.Request:setHeader(header)
  self.headers[#self.headers + 1] = header
end
M.Request.addHeader = M.Request.setHeader

function M.Request:__tostring()
  local lines = { ("%s %s RTSP/1.0"):format(self.command, self.url), "CSeq: " .. self.cseq }
  for _, header in ipairs(self.headers) do
    lines[#lines + 1] = header
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

--- A response: fields status (number), reason, headers (array of lines), body.
M.Response = {}
M.Response.__index = M.Response

--- From a head (without the blank line) and a body; nil when it is no RTSP.
function M.Response:new(head, body)
  local status, reason = string.match(head, "^RTSP/%d%.%d (%d%d%d) ?([^\r\n]*)")
  if not status then
    return nil
  end
  local headers = {}
  for line in string.gmatch(head, "\r?\n([^\r\n]+)") do
    headers[#headers + 1] = line
  end
  return setmetatable({ status = tonumber(status), reason = reason, headers = headers,
    body = body or "" }, self)
end

--- The value of a header, or nil.
function M.Response:getHeader(name)
  for _, line in ipairs(self.headers) do
    local key, value = string.match(line, "^([^:%s]+)%s*:(.*)$")
    if key and string.lower(key) == string.lower(name) then
      return stringaux.trim(value)
    end
  end
end

--- A conversation over one connection.
M.Client = {}
M.Client.__index = M.Client

function M.Client:new(host, port)
  return setmetatable({ host = host, port = port, timeout = 5000 }, self)
end

function M.Client:connect()
  self.socket = nmap.new_socket()
  self.socket:set_timeout(self.timeout)
  local status, reason = self.socket:connect(self.host, self.port)
  if not status then
    return false, reason
  end
  return true
end

--- Sends a request and reads its response: `true, Response` or `false, reason`.
function M.Client:sendReq(request)
  local status, reason = self.socket:send(tostring(request))
  if not status then
    return false, reason
  end
  local head
  status, head = self.socket:receive_buf(match.pattern_limit("\r?\n\r?\n", head_max), false)
  if not status then
    return false, head
  end
  local response = M.Response:new(head)
  if not response then
    return false, "no RTSP response"
  end
  local given = string.match(response:getHeader("Content-Length") or "", "^%d+$")
  local length = math.tointeger(tonumber(given or "0")) or 0
  if length > 0 and length <= body_max then
    status, response.body = self.socket:receive_buf(match.numbytes(length), true)
    if not status then
      return false, response.body
    end
  end
  return true, response
end

function M.Client:close()
  return self.socket:close()
end

--- What scripts use: requests by method.
M.Helper = {}
M.Helper.__index = M.Helper

function M.Helper:new(host, port)
  return setmetatable({ client = M.Client:new(host, port) }, self)
end

function M.Helper:connect()
  return self.client:connect()
end

function M.Helper:close()
  return self.client:close()
end

local function ask(self, command, url, headers)
  local request = M.Request:new(url, headers)
  request:setCommand(command)
  return self.client:sendReq(request)
end

--- OPTIONS of a URL ("*" for the server): `true, Response` or `false, reason`.
function M.Helper:options(url)
  return ask(self, "OPTIONS", url)
end

--- DESCRIBE of a URL: the response's body is the session's description.
function M.Helper:describe(url)
  return ask(self, "DESCRIBE", url, { "Accept: application/sdp" })
end

return M
