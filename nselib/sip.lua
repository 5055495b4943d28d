--- SIP (RFC 3261): requests, responses, digest authentication (RFC 2617), a session over UDP or
-- TCP.

local ipairs, match, nmap = ipairs, require "match", require "nmap"
local openssl, pairs, rand = require "openssl", pairs, require "rand"
local setmetatable, stdnse = setmetatable, require "stdnse"
local string, stringaux, table = string, require "stringaux", table
local tonumber, tostring, type = tonumber, tostring, type

local M = {}

local head_max, body_max, provisional_max = 16384, 65536, 16

--- Methods, by name.
M.Method = { ACK = "ACK", INVITE = "INVITE", OPTIONS = "OPTIONS", REGISTER = "REGISTER",
  SUBSCRIBE = "SUBSCRIBE", BYE = "BYE", CANCEL = "CANCEL" }

--- Status codes that scripts ask for (RFC 3261, section 21).
M.Error = { TRYING = 100, RING = 180, QUEUED = 182, PROGRESS = 183, OK = 200, UNAUTHORIZED = 401,
  FORBIDDEN = 403, NOTFOUND = 404, PROXY_AUTH_REQUIRED = 407, TIMEOUT = 408, BUSY = 486,
  UNAVAILABLE = 480, NOTACCEPTABLE = 488, DECLINE = 603 }

-- A class with methods that each set a field.
local function class(setters)
  local Class = {}
  Class.__index = Class
  for method, field in pairs(setters) do
    Class[method] = function(self, value)
      self[field] = value
    end
  end
  return Class
end

--- Who talks to whom: user, password, domain, server and client addresses, display name.
M.SessionData = class({ setUsername = "user", setPassword = "pass", setDomain = "domain",
  setName = "name" })

function M.SessionData:new(fields)
  return setmetatable(fields or {}, self)
end

function M.SessionData:setServer(host, port)
  self.server = { host = host, port = port }
end

function M.SessionData:setClient(host, port)
  self.client = { host = host, port = port }
end

function M.SessionData:getUsername()
  return self.user
end

function M.SessionData:getPassword()
  return self.pass
end

function M.SessionData:getDomain()
  return self.domain
end

function M.SessionData:getName()
  return self.name or "Muster"
end

function M.SessionData:getServer()
  return self.server.host, self.server.port
end

function M.SessionData:getClient()
  return self.client.host, self.client.port
end

-- Requests ----------------------------------------------------------------------------------------

--- A request: `Request:new(method)`, set*, then tostring gives its bytes.
M.Request = class({ setUri = "uri", setMethod = "method", setCseq = "cseq", setContent = "content",
  setContentType = "content_type", setSupported = "supported", setContentLength = "length",
  setExpires = "expires", setUA = "ua", setCallId = "cid", setForwards = "maxfwd",
  setProxyAuth = "proxyauth", setWWWAuth = "wwwauth", setSessionData = "sessdata" })

function M.Request:new(method, proto)
  return setmetatable({ method = method, proto = proto or "UDP", cseq = 1, maxfwd = 70,
    ua = "Muster", headers = {}, cid = rand.random_alpha(20), tag = rand.random_alpha(10),
    branch = "z9hG4bK" .. rand.random_alpha(16) }, self)
end

function M.Request:setProtocol(proto)
  self.proto = string.upper(proto)
end

function M.Request:setAllow(methods)
  self.allow = table.concat(methods, ", ")
end

function M.Request:setError(code, message)
  self.error = { code = code, msg = message }
end

function M.Request:addHeader(name, value)
  self.headers[#self.headers + 1] = name .. ": " .. value
end

-- An address of IPv6 stands in brackets.
local function literal(ip)
  return string.find(tostring(ip), ":", 1, true) and "[" .. ip .. "]" or tostring(ip)
end

-- The lines that all requests have (RFC 3261, section 8.1.1).
local function usual_headers(self, data)
  local client, client_port = data:getClient()
  local server = literal((data:getServer()))
  local user = data:getUsername() or "muster"
  local here = literal(client) .. ":" .. client_port
  local from = string.format('"%s" <sip:%s@%s>', data:getName(), user, data:getDomain() or server)
  local to = self.method == "REGISTER" and from or string.format("<%s>", self.uri)
  return {
    string.format("Via: SIP/2.0/%s %s;rport;branch=%s", self.proto, here, self.branch),
    "Max-Forwards: " .. self.maxfwd, "From: " .. from .. ";tag=" .. self.tag, "To: " .. to,
    "Call-ID: " .. self.cid, "CSeq: " .. self.cseq .. " " .. self.method,
    "User-Agent: " .. self.ua, string.format("Contact: <sip:%s@%s>", user, here),
  }
end

function M.Request:__tostring()
  local lines = usual_headers(self, self.sessdata)
  for _, item in ipairs({ { "Expires", self.expires }, { "Allow", self.allow },
    { "Supported", self.supported }, { "Proxy-Authorization", self.proxyauth },
    { "Authorization", self.wwwauth }, { "Accept", self.method == "OPTIONS" and "application/sdp" },
    { "Content-Type", self.content_type } }) do
    if item[2] then
      lines[#lines + 1] = item[1] .. ": " .. tostring(item[2])
    end
  end
  for _, header in ipairs(self.headers) do
    lines[#lines + 1] = header
  end
  local content = self.content or ""
  lines[#lines + 1] = "Content-Length: " .. (self.length or #content)
  local first = self.error and string.format("SIP/2.0 %s %s", self.error.code, self.error.msg)
    or string.format("%s %s SIP/2.0", self.method, self.uri)
  return first .. "\r\n" .. table.concat(lines, "\r\n") .. "\r\n\r\n" .. content
end

-- Responses ---------------------------------------------------------------------------------------

--- A response (or a request of the other side): lines, and what they say.
M.Response = {}
M.Response.__index = M.Response

function M.Response:new(text)
  local head, body = string.match(text, "^(.-)\r?\n\r?\n(.*)$")
  local lines = {}
  for line in string.gmatch((head or text) .. "\n", "[^\r\n]+") do
    lines[#lines + 1] = line
  end
  return setmetatable({ tbl = lines, body = body }, self)
end

-- Short forms of headers (RFC 3261, section 7.3.3).
local short = { via = "v", from = "f", to = "t", ["call-id"] = "i", contact = "m",
  supported = "k", ["content-length"] = "l", ["content-type"] = "c" }

--- The value of a header, or nil.
function M.Response:getHeader(name)
  local wanted = string.lower(name)
  for i = 2, #self.tbl do
    local key, value = string.match(self.tbl[i], "^([^:%s]+)%s*:(.*)$")
    key = key and string.lower(key)
    if key and (key == wanted or key == short[wanted]) then
      return stringaux.trim(value)
    end
  end
end

--- The status code, or nil when it is no response.
function M.Response:getErrorCode()
  return tonumber(string.match(self.tbl[1] or "", "^SIP/2%.0 (%d%d%d)"))
end

function M.Response:getErrorMessage()
  return string.match(self.tbl[1] or "", "^SIP/2%.0 %d%d%d ?(.*)$")
end

--- The method of a request, or nil.
function M.Response:getMethod()
  return string.match(self.tbl[1] or "", "^(%u+) ")
end

--- The challenge and the kind of it: "WWW" or "Proxy"; nil without one.
function M.Response:getAuthData()
  local www, proxy = self:getHeader("WWW-Authenticate"), self:getHeader("Proxy-Authenticate")
  if www then
    return www, "WWW"
  elseif proxy then
    return proxy, "Proxy"
  end
end

function M.Response:getCSeq()
  return tonumber(string.match(self:getHeader("CSeq") or "", "^(%d+)"))
end

-- Authentication ----------------------------------------------------------------------------------

--- The answer to a digest challenge (RFC 2617; RFC 3261, section 22.4).
M.SipAuth = class({ setUsername = "username", setPassword = "password", setMethod = "method",
  setUri = "uri" })

function M.SipAuth:new(challenge)
  return setmetatable({ auth = challenge }, self)
end

--- The fields of the challenge: true, or false when it is no digest.
function M.SipAuth:parseChallenge()
  local rest = string.match(self.auth or "", "^%s*[Dd]igest%s+(.*)$")
  if not rest then
    return false
  end
  -- From the beginning of each word only: one word of 100 KB would be tried at each of its bytes.
  for name, value in string.gmatch(rest, '%f[%w%-]([%w%-]+)%s*=%s*"([^"]*)"') do
    self[string.lower(name)] = value
  end
  self.algorithm = string.match(rest, 'algorithm%s*=%s*"?([%w%-]+)') or "MD5"
  self.qop = string.match(rest, 'qop%s*=%s*"?([%w%-,]+)')
  return self.realm ~= nil and self.nonce ~= nil
end

local function md5(text)
  return stdnse.tohex(openssl.md5(text))
end

function M.SipAuth:calculateResponse()
  local ha1 = md5(self.username .. ":" .. self.realm .. ":" .. self.password)
  local ha2 = md5(self.method .. ":" .. self.uri)
  if self.qop and string.find(self.qop, "auth", 1, true) then
    self.cnonce = rand.random_alpha(8)
    return md5(table.concat({ ha1, self.nonce, "00000001", self.cnonce, "auth", ha2 }, ":"))
  end
  return md5(ha1 .. ":" .. self.nonce .. ":" .. ha2)
end

--- The header's value; nil when the challenge is none.
function M.SipAuth:createResponse()
  if not self:parseChallenge() then
    return nil
  end
  local response = self:calculateResponse()
  local out = string.format('Digest username="%s", realm="%s", nonce="%s", uri="%s", '
    .. 'response="%s", algorithm=MD5', self.username, self.realm, self.nonce, self.uri, response)
  if self.cnonce then
    out = out .. string.format(', qop=auth, cnonce="%s", nc=00000001', self.cnonce)
  end
  return self.opaque and out .. string.format(', opaque="%s"', self.opaque) or out
end

-- Sessions ----------------------------------------------------------------------------------------

--- A socket to a server.
M.Connection = {}
M.Connection.__index = M.Connection

function M.Connection:new(host, port)
  return setmetatable({ host = host, port = port }, self)
end

function M.Connection:connect()
  local socket = nmap.new_socket()
  socket:set_timeout(self.timeout or 5000)
  local status, reason = socket:connect(self.host, self.port)
  if not status then
    return false, reason
  end
  local _, lhost, lport = socket:get_info()
  self.lhost, self.lport, self.socket = lhost or "127.0.0.1", lport or 5060, socket
  return true
end

function M.Connection:send(data)
  return self.socket:send(data)
end

local function receive_stream(self)
  local status, head = self.socket:receive_buf(match.pattern_limit("\r?\n\r?\n", head_max), true)
  if not status then
    return status, head
  end
  local length = tonumber(string.match(string.lower(head), "\ncontent%-length%s*:%s*(%d+)")
    or string.match(string.lower(head), "\nl%s*:%s*(%d+)") or "0")
  local body = ""
  if length > 0 and length <= body_max then
    status, body = self.socket:receive_buf(match.numbytes(length), true)
  end
  return status, status and head .. body or body
end

--- A whole message: `true, text` or `false, reason`.
function M.Connection:recv()
  if type(self.port) == "table" and self.port.protocol == "tcp" then
    return receive_stream(self)
  end
  return self.socket:receive()
end

function M.Connection:close()
  return self.socket:close()
end

function M.Connection:getClient()
  return self.lhost, self.lport
end

function M.Connection:getServer()
  return type(self.host) == "table" and self.host.ip or self.host,
    type(self.port) == "table" and self.port.number or self.port
end

--- A session: connect, then requests. `options.expires`: seconds of a registration.
M.Session = {}
M.Session.__index = M.Session

function M.Session:new(host, port, sessdata, options)
  local protocol = type(port) == "table" and port.protocol or "udp"
  return setmetatable({ protocol = string.upper(protocol), expires = options and options.expires
    or 300, conn = M.Connection:new(host, port), cseq = 1,
    sessdata = sessdata or M.SessionData:new() }, self)
end

function M.Session:connect()
  local status, reason = self.conn:connect()
  if not status then
    return false, reason
  end
  self.sessdata:setServer(self.conn:getServer())
  self.sessdata:setClient(self.conn:getClient())
  return true
end

function M.Session:close()
  return self.conn:close()
end

--- Sends a request and takes the final response, past provisional ones: `true, Response` or
-- `false, reason`.
function M.Session:exch(request)
  request:setSessionData(self.sessdata)
  request:setProtocol(self.protocol)
  local text = tostring(request)
  local status, data = self.conn:send(text)
  for i = 1, provisional_max do
    if not status then
      break
    end
    status, data = self.conn:recv()
    if i == 1 and not status and data == "TIMEOUT" and self.protocol == "UDP" then
      -- the same request again (RFC 3261, section 17.1.2.2)
      self.conn:send(text)
      status, data = self.conn:recv()
    end
    local response = status and M.Response:new(data)
    local code = response and response:getErrorCode()
    if code and code >= 200 then
      return true, response
    end
  end
  return false, status and "no final response" or data
end

local function new_request(self, method, uri)
  local request = M.Request:new(method, self.protocol)
  request:setUri(uri)
  request:setCseq(self.cseq)
  self.cseq = self.cseq + 1
  return request
end

--- The request once more, with the answer to a challenge: `true, Response` or `false, reason`.
function M.Session:authenticate(request, response)
  local challenge, kind = response:getAuthData()
  local auth = M.SipAuth:new(challenge)
  auth:setUsername(self.sessdata:getUsername() or "")
  auth:setPassword(self.sessdata:getPassword() or "")
  auth:setMethod(request.method)
  auth:setUri(request.uri)
  local header = auth:createResponse()
  if not header then
    return false, "no digest challenge"
  end
  if kind == "WWW" then
    request:setWWWAuth(header)
  else
    request:setProxyAuth(header)
  end
  request:setCseq(self.cseq)
  self.cseq = self.cseq + 1
  return self:exch(request)
end

--- Asks what the server can: `true, Response` or `false, reason`.
function M.Session:options()
  local host = literal((self.sessdata:getServer()))
  return self:exch(new_request(self, M.Method.OPTIONS, "sip:" .. host))
end

local function needs_login(response)
  local code = response:getErrorCode()
  return code == M.Error.UNAUTHORIZED or code == M.Error.PROXY_AUTH_REQUIRED
end

--- Registers with user and password: `true, Response` when they are taken, else `false, Response`
-- or reason.
function M.Session:register()
  local server = literal((self.sessdata:getServer()))
  local uri = "sip:" .. (self.sessdata:getDomain() or server)
  local request = new_request(self, M.Method.REGISTER, uri)
  request:setExpires(self.expires)
  local status, response = self:exch(request)
  if status and needs_login(response) then
    status, response = self:authenticate(request, response)
  end
  if not status then
    return false, response
  end
  return response:getErrorCode() == M.Error.OK, response
end

--- Invites a URI without a session's description: `true, Response` or `false, reason`.
function M.Session:invite(uri)
  local request = new_request(self, M.Method.INVITE, uri)
  local status, response = self:exch(request)
  if status and needs_login(response) then
    status, response = self:authenticate(request, response)
  end
  return status, response
end

--- What scripts use.
M.Helper = {}
M.Helper.__index = M.Helper

function M.Helper:new(host, port, options)
  local sessdata = M.SessionData:new()
  return setmetatable({ sessdata = sessdata, session = M.Session:new(host, port, sessdata,
    options) }, self)
end

function M.Helper:connect()
  return self.session:connect()
end

function M.Helper:close()
  return self.session:close()
end

function M.Helper:setCredentials(username, password)
  self.sessdata:setUsername(username)
  self.sessdata:setPassword(password)
end

function M.Helper:setDomain(domain)
  self.sessdata:setDomain(domain)
end

function M.Helper:register(options)
  if options and options.expires then
    self.session.expires = options.expires
  end
  return self.session:register()
end

function M.Helper:options()
  return self.session:options()
end

function M.Helper:invite(uri)
  return self.session:invite(uri)
end

return M
