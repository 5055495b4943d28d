--- Uniform resource locators (RFC 3986): taking apart, putting together, escaping.
--
-- A parsed URL is a table with those of the fields that the text has: `scheme`, `authority`,
-- `userinfo`, `user`, `password`, `host`, `port` (integer), `path`, `params`, `query`, `fragment`,
-- and `extension` (of the last path segment), `is_folder` (the path ends in a slash).

local ipairs, math, pairs, pcall, require, string = ipairs, math, pairs, pcall, require, string
local table, tonumber, tostring, type = table, tonumber, tostring, type

local M = {}

local default_ports = { http = 80, https = 443 }
M.get_default_scheme_schemes = { [80] = "http", [443] = "https" }

--- `s` with every byte but letters, digits, `-`, `.`, `_` and `~` written as `%XX`.
function M.escape(s)
  return (string.gsub(s, "[^%w%-._~]", function(c)
    return string.format("%%%02X", string.byte(c))
  end))
end

--- `s` with every `%xx` replaced by the byte it stands for.
function M.unescape(s)
  return (string.gsub(s, "%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end))
end

--- The port that a scheme has by default (80, 443), or nil.
function M.get_default_port(scheme)
  return default_ports[string.lower(scheme or "")]
end

--- "http" for 80 and "https" for 443 (a number or a port table), else nil.
function M.get_default_scheme(port)
  local number = type(port) == "table" and port.number or port
  return M.get_default_scheme_schemes[number]
end

-- The host as DNS wants it: lower case, names of other alphabets in their ASCII form.
local function ascii_host(host)
  if string.find(host, "[\x80-\xff]") then
    local ok, idna = pcall(require, "idna")
    return ok and idna.toASCII(host, false) or host
  end
  return string.lower(host)
end

-- Fills in user, password, host and port from parsed.authority.
local function parse_authority(parsed)
  local rest = parsed.authority
  local userinfo, after = string.match(rest, "^(.*)@(.*)$")
  if userinfo then
    parsed.userinfo, rest = userinfo, after
    local user, password = string.match(userinfo, "^([^:]*):(.*)$")
    parsed.user, parsed.password = user or userinfo, password
  end
  local host, port = string.match(rest, "^%[(.-)%]:?(%d*)$")
  if not host then
    host, port = string.match(rest, "^(.-):(%d*)$")
  end
  if host then
    rest, parsed.port = host, tonumber(port)
  end
  if rest ~= "" then
    parsed.host = rest
    parsed.ascii_host = ascii_host(rest)
  end
end

local function describe_path(parsed)
  local path = parsed.path
  parsed.is_folder = string.sub(path, -1) == "/"
  local extension = string.match(path, "%.([^/.]*)$")
  if extension and extension ~= "" then
    parsed.extension = extension
  end
end

--- Takes a URL apart. The fields of `default` (a table, or nil) stand where the text has none.
-- `path` is there always, `ascii_host` beside `host`. nil, message when `url` is no string.
function M.parse(url, default)
  local parsed = {}
  for k, v in pairs(default or {}) do
    parsed[k] = v
  end
  if type(url) ~= "string" then
    return nil, "a URL is a string"
  end
  url = string.gsub(url, "%%%x%x", string.upper)
  local function cut(pattern)
    local first, last, found = string.find(url, pattern)
    if first then
      url = string.sub(url, 1, first - 1) .. string.sub(url, last + 1)
    end
    return found
  end
  parsed.fragment = cut("#(.*)$") or parsed.fragment
  local scheme = cut("^(%a[%w+.%-]*):")
  parsed.scheme = scheme and string.lower(scheme) or parsed.scheme
  parsed.authority = cut("^//([^/?]*)") or parsed.authority
  parsed.query = cut("%?(.*)$") or parsed.query
  parsed.params = cut(";(.*)$") or parsed.params
  parsed.path = (url ~= "" or not parsed.path) and url or parsed.path
  if parsed.authority then
    parse_authority(parsed)
  end
  describe_path(parsed)
  return parsed
end

local function build_authority(parsed)
  local host = parsed.host
  if not host then
    return parsed.authority
  end
  if string.find(host, ":", 1, true) then
    host = "[" .. host .. "]"
  end
  if parsed.port then
    host = host .. ":" .. tostring(math.tointeger(parsed.port) or parsed.port)
  end
  local userinfo = parsed.userinfo
  if parsed.user then
    userinfo = parsed.user .. (parsed.password and ":" .. parsed.password or "")
  end
  return userinfo and userinfo .. "@" .. host or host
end

--- The text of a parsed URL. The fields of which others are made (`host`, `port`, `user`) win over
-- the compound ones (`authority`).
function M.build(parsed)
  local url = M.build_path(M.parse_path(parsed.path or ""))
  if parsed.params then
    url = url .. ";" .. parsed.params
  end
  if parsed.query then
    url = url .. "?" .. parsed.query
  end
  local authority = build_authority(parsed)
  if authority then
    if url ~= "" and not string.find(url, "^[/?;]") then
      url = "/" .. url
    end
    url = "//" .. authority .. url
  end
  if parsed.scheme then
    url = parsed.scheme .. ":" .. url
  end
  if parsed.fragment then
    url = url .. "#" .. parsed.fragment
  end
  return url
end

-- RFC 3986, section 5.2.4.
local function remove_dot_segments(path)
  local out = {}
  local absolute = string.sub(path, 1, 1) == "/"
  local folder = string.find(path, "/%.?%.?$") ~= nil
  for segment in string.gmatch(path, "[^/]*") do
    if segment == ".." then
      if #out > 0 and out[#out] ~= ".." then
        table.remove(out)
      elseif not absolute then
        out[#out + 1] = ".."
      end
    elseif segment ~= "." and segment ~= "" then
      out[#out + 1] = segment
    end
  end
  local text = (absolute and "/" or "") .. table.concat(out, "/")
  if folder and #out > 0 then
    text = text .. "/"
  end
  return text
end

-- The reference's path seen from the base's folder; dots are taken out of the reference's own part
-- too.
local function merge_paths(base, relative)
  if string.sub(relative, 1, 1) == "/" then
    return remove_dot_segments(relative)
  end
  return remove_dot_segments(string.gsub(base or "", "[^/]*$", "") .. relative)
end

--- The absolute URL that `relative_url` means on the page `base_url` (texts, or `base_url` parsed).
function M.absolute(base_url, relative_url)
  local base = type(base_url) == "table" and base_url or M.parse(base_url)
  local relative = M.parse(relative_url)
  if not base then
    return relative_url
  elseif not relative or relative_url == "" then
    return type(base_url) == "table" and M.build(base_url) or base_url
  elseif relative.scheme then
    return relative_url
  end
  relative.scheme = base.scheme
  if not relative.authority then
    relative.authority, relative.host, relative.port = base.authority, base.host, base.port
    relative.userinfo, relative.user, relative.password = base.userinfo, base.user, base.password
    if relative.path == "" then
      relative.path = base.path
      relative.params = relative.params or base.params
      relative.query = relative.query or base.query
    else
      relative.path = merge_paths(base.path, relative.path)
    end
  end
  return M.build(relative)
end

--- The segments of a path, unescaped, as an array with the flags `is_absolute` and `is_directory`.
function M.parse_path(path)
  local parsed = {}
  for segment in string.gmatch(path or "", "[^/]+") do
    parsed[#parsed + 1] = M.unescape(segment)
  end
  if string.sub(path or "", 1, 1) == "/" then
    parsed.is_absolute = 1
  end
  if string.sub(path or "", -1) == "/" then
    parsed.is_directory = 1
  end
  return parsed
end

-- A segment may hold these unescaped (RFC 3986, pchar) besides the unreserved ones.
local function escape_segment(s)
  return (string.gsub(s, "[^%w%-._~!$&'()*+,;=:@]", function(c)
    return string.format("%%%02X", string.byte(c))
  end))
end

--- The path of an array of segments. They are escaped unless `unsafe`.
function M.build_path(parsed, unsafe)
  local out = {}
  for i, segment in ipairs(parsed) do
    out[i] = unsafe and segment or escape_segment(segment)
  end
  local path = table.concat(out, "/")
  if parsed.is_directory and #out > 0 then
    path = path .. "/"
  end
  if parsed.is_absolute then
    path = "/" .. path
  end
  return path
end

--- The parameters of a query text as a table name -> value, unescaped; a name without `=` has the
-- value "".
function M.parse_query(query)
  local parsed = {}
  for pair in string.gmatch(string.gsub(query, "&amp;", "&"), "[^&]*") do
    local name, value = string.match(pair, "^([^=]*)=?(.*)$")
    if pair ~= "" or query == "" then
      parsed[M.unescape(name)] = M.unescape(value)
    end
  end
  return parsed
end

--- The query text of a table name -> value, escaped, in no particular order.
function M.build_query(query)
  local out = {}
  for name, value in pairs(query) do
    out[#out + 1] = M.escape(tostring(name)) .. "=" .. M.escape(tostring(value))
  end
  return table.concat(out, "&")
end

return M
