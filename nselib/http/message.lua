--- HTTP/1.1 messages (RFC 9110, RFC 9112): writing a request, reading a response.
--
-- A reader wraps a connected socket: it keeps what was received but not yet used. Limits: 64 KiB of
-- status line and headers, and a body size that the caller gives.

local ipairs, math, pairs, pcall, require = ipairs, math, pairs, pcall, require
local setmetatable, string, table = setmetatable, string, table
local tonumber, tostring, type = tonumber, tostring, type

local M = {}

local head_max, trailers_max, interim_max = 65536, 100, 20
local stringaux = require "stringaux"
local have_zlib, zlib = pcall(require, "zlib")

-- Reader ------------------------------------------------------------------------------------------

local Reader = {}
Reader.__index = Reader

--- A reader of `socket`; `data` is what was received already.
function M.reader(socket, data)
  return setmetatable({ socket = socket, chunks = { data or "" }, size = #(data or "") }, Reader)
end

-- Receives more. True, or nil and the reason.
function Reader:more()
  local status, data = self.socket:receive()
  if not status then
    return nil, data
  end
  self.chunks[#self.chunks + 1] = data
  self.size = self.size + #data
  return true
end

--- All that is buffered, as one string.
function Reader:buffered()
  if #self.chunks > 1 then
    self.chunks = { table.concat(self.chunks) }
  end
  return self.chunks[1] or ""
end

function Reader:set(data)
  self.chunks, self.size = { data }, #data
end

--- Takes everything up to and with a match of `pattern` that ends within `limit` bytes: the text
-- before the match, or nil and the reason.
function Reader:take_until(pattern, limit)
  while true do
    local text = self:buffered()
    local first, last = string.find(text, pattern)
    if first then
      self:set(string.sub(text, last + 1))
      return string.sub(text, 1, first - 1)
    elseif self.size > limit then
      return nil, "more than " .. limit .. " bytes of header"
    end
    local ok, reason = self:more()
    if not ok then
      return nil, reason
    end
  end
end

--- Takes `n` bytes. When there are fewer, what there is, and the reason.
function Reader:take(n)
  local reason
  while self.size < n and not reason do
    local ok
    ok, reason = self:more()
    reason = not ok and reason or nil
  end
  local text = self:buffered()
  self:set(string.sub(text, n + 1))
  return string.sub(text, 1, n), reason
end

--- Takes all up to the end of the connection, but no more than `limit` bytes: text, reason of the
-- end ("EOF", "TIMEOUT", ... or nil when the limit was reached).
function Reader:take_all(limit)
  local reason
  while self.size <= limit and not reason do
    local ok
    ok, reason = self:more()
    reason = not ok and reason or nil
  end
  local text = self:buffered()
  self:set("")
  return string.sub(text, 1, limit), self.size > limit and nil or reason, #text > limit
end

-- Response head -----------------------------------------------------------------------------------

-- Header lines with folded ones (RFC 9112, section 5.2) joined to those that they continue.
local function unfolded(text)
  local lines = {}
  for line in string.gmatch(text .. "\n", "(.-)\r?\n") do
    if string.find(line, "^[ \t]") and #lines > 0 then
      lines[#lines] = lines[#lines] .. " " .. stringaux.trim(line)
    elseif line ~= "" then
      lines[#lines + 1] = line
    end
  end
  return lines
end

--- A cookie of the value of a Set-Cookie header (RFC 6265, section 5.2): a table with `name`,
-- `value` and the attributes under their lower-case names. nil when there is no name.
function M.parse_cookie(text)
  local name, value = string.match(text, "^%s*([^=;]*)=?([^;]*)")
  name = stringaux.trim_end(name)
  if name == "" then
    return nil
  end
  local cookie = { name = name, value = string.match(stringaux.trim(value), "^\"?(.-)\"?$") }
  for attribute in string.gmatch(string.match(text, ";(.*)$") or "", "[^;]+") do
    local key, given = string.match(attribute, "^%s*([^=%s]+)%s*=?(.*)$")
    if key then
      cookie[string.lower(key)] = stringaux.trim(given)
    end
  end
  return cookie
end

local function add_header(response, line)
  local name, value = string.match(line, "^([^:%s]+)%s*:(.*)$")
  if not name then
    return
  end
  name, value = string.lower(name), stringaux.trim(value)
  local old = response.header[name]
  response.header[name] = old and old .. ", " .. value or value
  if name == "set-cookie" then
    response.cookies[#response.cookies + 1] = M.parse_cookie(value)
  end
end

-- Status line and headers of any response: a response without body, or nil and the reason.
local function read_head(reader)
  local text, reason = reader:take_until("\r?\n\r?\n", head_max)
  if not text then
    return nil, reason
  end
  local line, rest = string.match(text, "^%s*([^\r\n]*)\r?\n?(.*)$")
  local version, status = string.match(line, "^HTTP/(%d+%.%d+)%s+(%d%d%d)")
  if not version then
    return nil, "no HTTP status line"
  end
  local response = {
    ["status-line"] = line .. "\r\n", version = version, status = tonumber(status),
    header = {}, rawheader = unfolded(rest), cookies = {},
  }
  for _, header in ipairs(response.rawheader) do
    add_header(response, header)
  end
  -- the empty line that ends the headers
  response.rawheader[#response.rawheader + 1] = ""
  return response
end

-- The same of the final response: interim ones are passed over (RFC 9110, section 15.2).
local function read_final_head(reader)
  for _ = 0, interim_max do
    local response, reason = read_head(reader)
    if not response or response.status >= 200 or response.status == 101 then
      return response, reason
    end
  end
  return nil, "too many interim responses"
end

-- Body --------------------------------------------------------------------------------------------

-- Trailers up to the empty line that ends a chunked body (RFC 9112, section 7.1.2). Servers that
-- leave the line out are borne. The reason when there are too many.
local function skip_trailers(reader)
  for _ = 1, trailers_max do
    local line = reader:take_until("\r?\n", head_max)
    if not line or line == "" then
      return nil
    end
  end
  return "too many trailers"
end

-- Chunked transfer coding (RFC 9112, section 7.1). Returns body, reason when it broke off, was it
-- cut.
local function read_chunked(reader, limit)
  local parts, size = {}, 0
  while true do
    local line, reason = reader:take_until("\r?\n", head_max)
    local n = line and tonumber(string.match(line, "^%s*(%x+)") or "", 16)
    if not n or #string.match(line, "^%s*(%x*)") > 8 then
      return table.concat(parts), reason or "bad chunk size"
    elseif n == 0 then
      return table.concat(parts), skip_trailers(reader)
    end
    local wanted = math.min(n, limit - size + 1)
    local data, broken = reader:take(wanted)
    parts[#parts + 1], size = data, size + #data
    if size > limit then
      return string.sub(table.concat(parts), 1, limit), nil, true
    elseif broken then
      return table.concat(parts), broken
    end
    reader:take_until("^\r?\n", head_max)
  end
end

local function read_sized(reader, n, limit)
  if n > limit then
    return reader:take(limit), nil, true
  end
  local body, reason = reader:take(n)
  return body, reason
end

local function header_has(response, name, word)
  local value = response.header[name]
  return value ~= nil and string.find(string.lower(value), word, 1, true) ~= nil
end

-- RFC 9112, section 6.3. Returns body, reason when it broke off, was it cut.
local function read_body(reader, response, method, limit)
  local status, length = response.status, tonumber(response.header["content-length"] or "")
  if method == "HEAD" or status < 200 or status == 204 or status == 304 then
    return ""
  elseif header_has(response, "transfer-encoding", "chunked") then
    return read_chunked(reader, limit)
  elseif length and length >= 0 and math.tointeger(length) then
    return read_sized(reader, math.tointeger(length), limit)
  end
  local body, reason, cut = reader:take_all(limit)
  response.closed = true
  if reason == "EOF" then
    reason = nil
  end
  return body, reason, cut
end

-- Content codings ---------------------------------------------------------------------------------

-- Inflates zlib, gzip or (wbits negative) raw data up to `limit` bytes: text, was it cut; nil when
-- corrupt.
local function inflate(data, limit, wbits)
  local out, size = {}, 0
  local ok = pcall(function()
    local stream = zlib.inflate(data, nil, wbits)
    while size <= limit do
      local piece = stream:read(16384)
      if not piece or piece == "" then
        break
      end
      out[#out + 1], size = piece, size + #piece
    end
    stream:close()
  end)
  if not ok and size == 0 then
    return nil
  end
  return string.sub(table.concat(out), 1, limit), size > limit
end

local decoders = {
  identity = function(data)
    return data
  end,
  gzip = function(data, limit)
    return have_zlib and inflate(data, limit) or nil
  end,
  deflate = function(data, limit)
    return have_zlib and (inflate(data, limit) or inflate(data, limit, -15)) or nil
  end,
}
decoders["x-gzip"] = decoders.gzip

-- Undoes the codings of Content-Encoding from the last to the first; what cannot be undone stays.
local function decode_body(response, limit)
  local codings = {}
  for coding in string.gmatch(response.header["content-encoding"] or "", "[^,%s]+") do
    table.insert(codings, 1, string.lower(coding))
  end
  response.decoded, response.undecoded = {}, {}
  for _, coding in ipairs(codings) do
    local decode = #response.undecoded == 0 and decoders[coding]
    local body = decode and decode(response.body, limit)
    if body then
      response.body = body
      table.insert(response.decoded, coding)
    else
      table.insert(response.undecoded, coding)
    end
  end
end

--- Reads one response. `limit`: bytes of body at most; `truncated_ok`: cut a longer body instead of
-- failing.
--
-- The response has `status-line`, `status`, `version`, `header` (lower-case name -> value),
-- `rawheader` (lines), `cookies`, `rawbody`, `body` (decoded), `decoded`, `undecoded` (codings),
-- `truncated`, `closed` (the connection carries no further response). nil, reason[, what there was]
-- when it fails.
function M.read_response(reader, method, limit, truncated_ok)
  local response, reason = read_final_head(reader)
  if not response then
    return nil, reason
  end
  local body, broken, cut = read_body(reader, response, method, limit)
  response.rawbody, response.body = body, body
  response.truncated = cut or nil
  response.closed = response.closed or cut or broken ~= nil or header_has(response, "connection",
    "close")
    or response.version == "1.0" and not header_has(response, "connection", "keep-alive")
  decode_body(response, limit)
  if cut and not truncated_ok then
    return nil, "response body too large", response
  elseif broken and broken ~= "EOF" then
    return nil, broken, response
  end
  return response
end

-- Requests ----------------------------------------------------------------------------------------

local function set(headers, name, value)
  for key in pairs(headers) do
    if string.lower(key) == string.lower(name) then
      return
    end
  end
  headers[name] = value
end

local function cookie_text(cookies, path)
  if type(cookies) == "string" then
    return cookies
  end
  local out = {}
  for _, cookie in ipairs(cookies or {}) do
    local prefix = cookie.path or "/"
    if string.sub(path, 1, #prefix) == prefix or prefix == "" then
      out[#out + 1] = cookie.name .. "=" .. cookie.value
    end
  end
  return #out > 0 and table.concat(out, "; ") or nil
end

local function form_text(fields)
  local url = require "url"
  local out = {}
  for name, value in pairs(fields) do
    out[#out + 1] = url.escape(tostring(name)) .. "=" .. url.escape(tostring(value))
  end
  table.sort(out)
  return table.concat(out, "&")
end

--- The text of a request. `options`: `header` (table), `content` (string, or a table of form
-- fields), `cookies` (string or array of cookies). `defaults`: headers for which the options have
-- none. A header with the value false is left out.
function M.build_request(method, path, options, defaults)
  local headers = {}
  for name, value in pairs(options.header or {}) do
    headers[name] = value
  end
  local content = options.content
  if type(content) == "table" then
    content = form_text(content)
    set(headers, "Content-Type", "application/x-www-form-urlencoded")
  end
  if content then
    set(headers, "Content-Length", #content)
  end
  local cookies = cookie_text(options.cookies, path)
  if cookies then
    set(headers, "Cookie", cookies)
  end
  for name, value in pairs(defaults) do
    set(headers, name, value)
  end
  local names, lines = {}, { method .. " " .. path .. " HTTP/1.1" }
  for name in pairs(headers) do
    names[#names + 1] = name
  end
  table.sort(names)
  for _, name in ipairs(names) do
    if headers[name] then
      lines[#lines + 1] = name .. ": " .. tostring(headers[name])
    end
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. (content or "")
end

return M
