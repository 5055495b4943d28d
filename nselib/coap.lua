--- CoAP (RFC 7252), with block-wise transfer (RFC 7959) and the link format (RFC 6690): asking a
-- constrained device for its resources.

local ipairs, nmap, pairs, rand = ipairs, require "nmap", pairs, require "rand"
local setmetatable, string, table = setmetatable, string, table
local tostring, type = tostring, type

local M = {}

M.COAP = { header = {}, payload = {} }

local options_max, block_max, links_max, attributes_max = 64, 64, 1024, 64

-- Option numbers (RFC 7252, section 12.2; RFC 7959, section 6).
local numbers = { if_match = 1, uri_host = 3, etag = 4, if_none_match = 5, observe = 6,
  uri_port = 7, location_path = 8, uri_path = 11, content_format = 12, max_age = 14, uri_query = 15,
  accept = 17, location_query = 20, block2 = 23, block1 = 27, size2 = 28, proxy_uri = 35,
  proxy_scheme = 39, size1 = 60 }
local names = {}
for name, number in pairs(numbers) do
  names[number] = name
end

local types = { confirmable = 0, ["non-confirmable"] = 1, acknowledgement = 2, reset = 3 }
local type_names = { [0] = "confirmable", "non-confirmable", "acknowledgement", "reset" }

-- Codes (RFC 7252, section 12.1).
local codes = { empty = 0x00, get = 0x01, post = 0x02, put = 0x03, delete = 0x04, created = 0x41,
  deleted = 0x42, valid = 0x43, changed = 0x44, content = 0x45, continue = 0x5f,
  bad_request = 0x80, unauthorized = 0x81, bad_option = 0x82, forbidden = 0x83, not_found = 0x84,
  method_not_allowed = 0x85, not_acceptable = 0x86, precondition_failed = 0x8c,
  request_entity_too_large = 0x8d, unsupported_content_format = 0x8f, internal_server_error = 0xa0,
  not_implemented = 0xa1, bad_gateway = 0xa2, service_unavailable = 0xa3, gateway_timeout = 0xa4,
  proxying_not_supported = 0xa5 }
local code_names = {}
for name, code in pairs(codes) do
  code_names[code] = name
end

-- Numbers are sent without leading zeros.
local function uint(n)
  local out = ""
  while n > 0 do
    out, n = string.char(n & 0xff) .. out, n >> 8
  end
  return out
end

local function uint_of(bytes)
  return #bytes == 0 and 0 or #bytes <= 8 and string.unpack(">I" .. #bytes, bytes) or 0
end

local block = {
  build = function(value)
    local size = 0
    while 16 << size < value.length and size < 6 do
      size = size + 1
    end
    return uint(value.number << 4 | (value.more and 8 or 0) | size)
  end,
  parse = function(bytes)
    local n = uint_of(bytes)
    return { number = n >> 4, more = n & 8 ~= 0, length = 16 << (n & 7) }
  end,
}
local number = { build = uint, parse = uint_of }
local kinds = { block1 = block, block2 = block, content_format = number, accept = number,
  max_age = number, observe = number, uri_port = number, size1 = number, size2 = number }

-- A length or difference of an option: its four bits and the bytes that follow.
local function nibble(n)
  if n < 13 then
    return n, ""
  elseif n < 269 then
    return 13, string.char(n - 13)
  end
  return 14, string.pack(">I2", n - 269)
end

local function build_options(list)
  local sorted = {}
  for i, option in ipairs(list) do
    local kind = kinds[option.name]
    local value = kind and kind.build(option.value) or tostring(option.value)
    sorted[i] = { numbers[option.name] or option.number, value, i }
  end
  table.sort(sorted, function(a, b)
    if a[1] ~= b[1] then
      return a[1] < b[1]
    end
    return a[3] < b[3]
  end)
  local out, last = {}, 0
  for _, option in ipairs(sorted) do
    local delta, more_delta = nibble(option[1] - last)
    local length, more_length = nibble(#option[2])
    out[#out + 1] = string.char(delta << 4 | length) .. more_delta .. more_length .. option[2]
    last = option[1]
  end
  return table.concat(out)
end

--- The bytes of a message: { type, code (names), id, token, options = { { name, value } },
-- payload }.
function M.COAP.build(message)
  local token = message.token or ""
  local head = string.pack(">BBI2", 1 << 6 | types[message.type or "confirmable"] << 4 | #token,
    codes[message.code or "get"], message.id)
  local payload = message.payload and #message.payload > 0 and "\xff" .. message.payload or ""
  return head .. token .. build_options(message.options or {}) .. payload
end

-- The rest of a length or difference: value, position after it; nil when it is cut or reserved.
local function extended(value, data, at)
  if value < 13 then
    return value, at
  elseif value == 13 and at <= #data then
    return string.byte(data, at) + 13, at + 1
  elseif value == 14 and at < #data then
    return string.unpack(">I2", data, at) + 269, at + 2
  end
end

-- One option: number, bytes, position after it; nil when it is broken.
local function read_option(data, at, last)
  local first = string.byte(data, at)
  local delta, length
  delta, at = extended(first >> 4, data, at + 1)
  if delta then
    length, at = extended(first & 15, data, at)
  end
  if not delta or not length or at + length - 1 > #data then
    return nil
  end
  return last + delta, string.sub(data, at, at + length - 1), at + length
end

--- A message from bytes, fields as above; nil when they are none.
function M.COAP.parse(data)
  local first = string.byte(data)
  if #data < 4 or first >> 6 ~= 1 or first & 15 > 8 or #data < 4 + (first & 15) then
    return nil
  end
  local _, code, id = string.unpack(">BBI2", data)
  local at, last = 5 + (first & 15), 0
  local message = { type = type_names[first >> 4 & 3], code = code_names[code]
    or string.format("%d.%02d", code >> 5, code & 31), id = id, token = string.sub(data, 5, at - 1),
    options = {} }
  while at <= #data and string.byte(data, at) ~= 0xff do
    local option, value
    option, value, at = read_option(data, at, last)
    if not option or #message.options >= options_max then
      return nil
    end
    last = option
    local name = names[option]
    message.options[#message.options + 1] = { name = name or tostring(option), number = option,
      value = kinds[name] and kinds[name].parse(value) or value }
  end
  message.payload = at < #data and string.sub(data, at + 1) or nil
  return message
end

--- The value of the first option of a name, or nil.
function M.COAP.header.find_option(message, name)
  for _, option in ipairs(message.options or {}) do
    if option.name == name then
      return option.value
    end
  end
end

--- All values of an option.
function M.COAP.header.find_options(message, name)
  local out = {}
  for _, option in ipairs(message.options or {}) do
    if option.name == name then
      out[#out + 1] = option.value
    end
  end
  return out
end

-- The attributes after a link's target, each `name`, `name=value` or `name="value"`.
local function attributes_of(text)
  local out = {}
  for name, value in string.gmatch(text .. ";", ";%s*([%w%-*]+)=?([^;]*)") do
    out[#out + 1] = { name = name, value = string.match(value, '^"(.*)"$') or value }
    if #out >= attributes_max then
      break
    end
  end
  return out
end

-- Cuts the link format at the commas outside of quotes and brackets.
local function links_in(text)
  local out, from, quoted = {}, 1, false
  for at, c in string.gmatch(text .. ",", '()([",])') do
    if c == '"' then
      quoted = not quoted
    elseif not quoted then
      out[#out + 1] = string.sub(text, from, at - 1)
      from = at + 1
      if #out >= links_max then
        break
      end
    end
  end
  return out
end

--- The link format: an array of { name = target, parameters = { { name, value } } }.
function M.COAP.parse_links(text)
  local out = {}
  for _, link in ipairs(links_in(text)) do
    local target, rest = string.match(link, "^%s*<([^>]*)>(.*)$")
    if target then
      out[#out + 1] = { name = target, parameters = attributes_of(rest) }
    end
  end
  return out
end

--- A payload by the format that the message names: `true, table` of the link format, else `true,
-- text`; `false, reason`.
function M.COAP.payload.parse(message, payload)
  local format = M.COAP.header.find_option(message, "content_format")
  if not payload then
    return false, "no payload"
  elseif format == 40 then
    return true, M.COAP.parse_links(payload)
  end
  return true, payload
end

--- A conversation. `options.timeout`: ms (4000), `options.attempts` (2).
M.Helper = {}
M.Helper.__index = M.Helper

function M.Helper:new(host, port, options)
  return setmetatable({ host = host, port = port, options = options or {},
    id = (string.unpack(">I2", rand.random_string(2))) }, self)
end

local function path_options(uri)
  local path, query = string.match(uri, "^([^?]*)%??(.*)$")
  local list = {}
  for part in string.gmatch(path, "[^/]+") do
    list[#list + 1] = { name = "uri_path", value = part }
  end
  for part in string.gmatch(query, "[^&]+") do
    list[#list + 1] = { name = "uri_query", value = part }
  end
  return list
end

-- The response with our token: it may come with the acknowledgement, or later on its own.
local function response_to(self, message)
  for _ = 1, 8 do
    local status, data = self.socket:receive()
    if not status then
      return nil, data
    end
    local response = M.COAP.parse(data)
    if response and response.token == message.token and response.code ~= "empty" then
      if response.type == "confirmable" then
        self.socket:send(M.COAP.build({ type = "acknowledgement", code = "empty",
          id = response.id }))
      end
      return response
    end
  end
  return nil, "no CoAP response"
end

--- Opens the socket, and with `options.uri` asks for it: `true, response` or `false, reason`.
function M.Helper:connect(options)
  self.socket = nmap.new_socket("udp")
  self.socket:set_timeout(self.options.timeout or 4000)
  local status, reason = self.socket:connect(self.host, self.port, "udp")
  if not status then
    return false, reason
  elseif options and options.uri then
    return self:request(options)
  end
  return true
end

-- The bytes move to `raw`; `payload` becomes what they say, unless they are one block of several.
local function parsed_payload(response)
  response.raw = response.payload
  if response.raw and not M.COAP.header.find_option(response, "block2") then
    local _
    _, response.payload = M.COAP.payload.parse(response, response.raw)
  end
  return response
end

--- Asks: `true, response` (as COAP.parse gives it, with `payload` parsed by its format and its
-- bytes in `raw`) or `false, reason`. `options` are uri, code ("get"), type, options (further ones).
function M.Helper:request(options, payload)
  self.id = self.id + 1 & 0xffff
  local list = path_options(options.uri or "/")
  for _, option in ipairs(type(options.options) == "table" and options.options or {}) do
    list[#list + 1] = option
  end
  local message = { type = options.type, code = options.code, id = self.id,
    token = rand.random_string(4), options = list, payload = payload }
  local bytes, response, reason = M.COAP.build(message)
  for _ = 1, self.options.attempts or 2 do
    self.socket:send(bytes)
    response, reason = response_to(self, message)
    if response then
      return true, parsed_payload(response)
    end
  end
  return false, reason
end

--- Asks for a resource, block after block (at most 64): `true, payload, first response` or
-- `false, reason`.
function M.Helper:get(uri)
  local status, first = self:request({ uri = uri })
  if not status then
    return false, first
  end
  local payload, response = first.raw or "", first
  for _ = 2, block_max do
    local at = M.COAP.header.find_option(response, "block2")
    if not at or not at.more then
      break
    end
    local following = { name = "block2", value = { number = at.number + 1, length = at.length } }
    status, response = self:request({ uri = uri, options = { following } })
    if not status then
      return false, response
    end
    payload = payload .. (response.raw or "")
  end
  return true, payload, first
end

function M.Helper:close()
  return self.socket:close()
end

M.Comm = M.Helper

return M
