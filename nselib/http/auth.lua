--- HTTP authentication: challenges, Basic (RFC 7617) and Digest (RFC 7616, MD5).

local ipairs, pcall, require, string, table = ipairs, pcall, require, string, table
local base64, rand, stdnse = require "base64", require "rand", require "stdnse"
local has_openssl, openssl = pcall(require, "openssl")

local M = {}

-- One token or quoted string at `at`: text, position after it.
local function read_value(text, at)
  if string.sub(text, at, at) ~= '"' then
    local value, after = string.match(text, "^([^%s,]*)()", at)
    return value, after
  end
  local out, i = {}, at + 1
  while i <= #text do
    local c = string.sub(text, i, i)
    if c == '"' then
      return table.concat(out), i + 1
    elseif c == "\\" then
      i = i + 1
      c = string.sub(text, i, i)
    end
    out[#out + 1] = c
    i = i + 1
  end
  return table.concat(out), i
end

-- No server has more ways than this; what goes on is not what the header is for.
local most_challenges <const> = 32

--- The first 32 challenges of a WWW-Authenticate value: an array of
-- { scheme =, params = { name = value } }, scheme as it was written, names in lower case; a single
-- token (NTLM, Negotiate) stands in `params[1]`... nil when there is no scheme at all.
function M.parse_www_authenticate(text)
  local challenges, at = {}, 1
  while true do
    at = string.find(text, "[^%s,]", at)
    if not at then
      break
    end
    local name, equals = string.match(text, "^([^%s,=\"]+)()%s*=[^=]", at)
    if name and #challenges > 0 then
      local value
      value, at = read_value(text, string.match(text, "^%s*=%s*()", equals))
      challenges[#challenges].params[string.lower(name)] = value
    else
      local scheme, after = string.match(text, "^([^%s,\"=]+)()", at)
      if not scheme or #challenges == most_challenges then
        break
      end
      challenges[#challenges + 1] = { scheme = scheme, params = {} }
      local token, token_end = string.match(text, "^ +([%w%-._~+/]+=*)()%s*,?", after)
      if token and not string.find(text, "^ +[%w%-._~+/]+%s*=%s*[^=%s,]", after) then
        challenges[#challenges].params[1], after = token, token_end
      end
      at = after
    end
  end
  return #challenges > 0 and challenges or nil
end

local function hex_md5(text)
  return stdnse.tohex(openssl.md5(text))
end

local function find_challenge(response, scheme)
  for _, challenge in ipairs(M.parse_www_authenticate(response.header["www-authenticate"] or "")
    or {}) do
    if string.lower(challenge.scheme) == scheme then
      return challenge.params
    end
  end
end

--- The Authorization value of Basic.
function M.basic(username, password)
  return "Basic " .. base64.enc((username or "") .. ":" .. (password or ""))
end

--- The Authorization value that answers the Digest challenge of a 401 response. nil, message when
-- it has none or asks for more than MD5 with qop "auth".
function M.digest(auth, method, path, response)
  local challenge = find_challenge(response, "digest")
  if not challenge or not challenge.nonce then
    return nil, "the server offers no Digest authentication"
  elseif not has_openssl then
    return nil, "Digest authentication needs the module openssl"
  elseif challenge.algorithm and string.lower(challenge.algorithm) ~= "md5" then
    return nil, "the Digest algorithm " .. challenge.algorithm .. " is not known"
  end
  local realm = challenge.realm or ""
  local ha1 = hex_md5(auth.username .. ":" .. realm .. ":" .. (auth.password or ""))
  local ha2 = hex_md5(method .. ":" .. path)
  local fields = {
    'username="' .. auth.username .. '"', 'realm="' .. realm .. '"', 'nonce="' .. challenge.nonce
      .. '"',
    'uri="' .. path .. '"',
  }
  local answer
  if challenge.qop and string.find("," .. string.gsub(challenge.qop, "%s", "") .. ",", ",auth,", 1,
    true) then
    local cnonce = stdnse.tohex(rand.random_string(8))
    answer = hex_md5(table.concat({ ha1, challenge.nonce, "00000001", cnonce, "auth", ha2 }, ":"))
    fields[#fields + 1] = 'qop=auth, nc=00000001, cnonce="' .. cnonce .. '"'
  else
    answer = hex_md5(ha1 .. ":" .. challenge.nonce .. ":" .. ha2)
  end
  fields[#fields + 1] = 'response="' .. answer .. '"'
  if challenge.opaque then
    fields[#fields + 1] = 'opaque="' .. challenge.opaque .. '"'
  end
  return "Digest " .. table.concat(fields, ", ")
end

return M
