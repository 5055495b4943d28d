--- SASL (RFC 4422): what answers a challenge of PLAIN, CRAM-MD5, DIGEST-MD5, LOGIN.

local base64, pcall, rand, require = require "base64", pcall, require "rand", require
local setmetatable, stdnse, string = setmetatable, require "stdnse", string
local has_openssl, openssl = pcall(require, "openssl")

local M = {}

--- RFC 2831: the fields of a challenge, and the response.
M.DigestMD5 = {}
M.DigestMD5.__index = M.DigestMD5

function M.DigestMD5:new(chall, username, password, method, uri, service, realm)
  local o = setmetatable({
    challenge = chall, username = username, password = password, method = method or "AUTHENTICATE",
    uri = uri,
    service = service, realm = realm,
  }, self)
  o:parseChallenge()
  return o
end

--- The fields of the challenge: name -> value, also kept in `challnvs`. A quoted value may hold
-- commas and equal signs.
function M.DigestMD5:parseChallenge()
  local fields, at, text = {}, 1, self.challenge or ""
  while true do
    -- From the beginning of each word only: one long word would be tried at each of its bytes.
    local _, after, name = string.find(text, "%f[%w_-]([%w_-]+)%s*=%s*", at)
    if not after then
      break
    end
    local quoted = string.match(text, '^"([^"]*)"', after + 1)
    local value = quoted or string.match(text, "^[^%s,]*", after + 1)
    fields[name] = value
    at = after + 1 + #value + (quoted and 2 or 0)
  end
  self.challnvs = fields
  return fields
end

local function hex_md5(text)
  return stdnse.tohex(openssl.md5(text))
end

--- The text of the response.
function M.DigestMD5:calcDigest()
  local fields = self:parseChallenge()
  local realm, nonce = self.realm or fields.realm or "", fields.nonce or ""
  local cnonce = stdnse.tohex(rand.random_string(8))
  local uri = self.uri or (self.service or "") .. "/" .. realm
  local first = openssl.md5(self.username .. ":" .. realm .. ":" .. self.password)
  local ha1 = hex_md5(first .. ":" .. nonce .. ":" .. cnonce)
  local ha2 = hex_md5(self.method .. ":" .. uri)
  local answer = hex_md5(ha1 .. ":" .. nonce .. ":00000001:" .. cnonce .. ":auth:" .. ha2)
  return string.format('username="%s",realm="%s",nonce="%s",cnonce="%s",nc=00000001,qop=auth,'
    .. 'digest-uri="%s",response=%s',
    self.username, realm, nonce, cnonce, uri, answer)
end

local encoders = {
  PLAIN = function(username, password)
    return username .. "\0" .. username .. "\0" .. password
  end,
  LOGIN = function(username, password)
    return username, password
  end,
  ["CRAM-MD5"] = function(username, password, challenge)
    return username .. " " .. stdnse.tohex(openssl.hmac("md5", password, challenge))
  end,
  ["DIGEST-MD5"] = function(username, password, challenge, service, uri)
    return M.DigestMD5:new(challenge, username, password, nil, uri, service):calcDigest()
  end,
}

function M.plain_enc(username, password)
  return encoders.PLAIN(username, password)
end
function M.cram_md5_enc(username, password, challenge)
  return encoders["CRAM-MD5"](username, password, challenge)
end
function M.digest_md5_enc(username, password, challenge, service, uri)
  return encoders["DIGEST-MD5"](username, password, challenge, service, uri)
end

--- One mechanism by name.
M.Helper = {}
M.Helper.__index = M.Helper

function M.Helper:new(mechanism, callback)
  local o = setmetatable({}, self)
  o:set_mechanism(mechanism)
  o.callback = callback or o.callback
  return o
end
function M.Helper:set_mechanism(mechanism, callback)
  self.mechanism = mechanism and string.upper(mechanism)
  self.callback = callback or encoders[self.mechanism]
end
function M.Helper:set_callback(callback)
  self.callback = callback
end
function M.Helper:get_mechanism()
  return self.mechanism
end

--- Is the mechanism one that we can do? Some need the module openssl.
function M.Helper.is_supported(_, mechanism)
  local name = string.upper(mechanism)
  if not has_openssl and (name == "CRAM-MD5" or name == "DIGEST-MD5") then
    return false
  end
  return encoders[name] ~= nil
end

--- What answers a challenge (decoded); of LOGIN name and password in base64.
function M.Helper:encode(...)
  if self.mechanism == "LOGIN" then
    local username, password = self.callback(...)
    return base64.enc(username), base64.enc(password)
  end
  return self.callback(...)
end

return M
