-- MD4, MD5 (RFC 1320, 1321), SHA-1, SHA-256 (FIPS 180-4), HMAC (RFC 2104) in plain Lua, so that the tests
-- need no module of C. They stand in for the host's module openssl.
local M = {}

local function rotl(x, n)
  return (x << n | x >> (32 - n)) & 0xffffffff
end

local function padded(message, format)
  local rest = -(#message + 9) % 64
  return message .. "\x80" .. string.rep("\0", rest) .. string.pack(format, #message * 8)
end

function M.md5(message)
  local shifts = { 7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21 }
  local a0, b0, c0, d0 = 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476
  message = padded(message, "<I8")
  for at = 1, #message, 64 do
    local w = { string.unpack("<" .. string.rep("I4", 16), message, at) }
    local a, b, c, d = a0, b0, c0, d0
    for i = 0, 63 do
      local f, g
      local round = i // 16
      if round == 0 then
        f, g = b & c | ~b & d, i
      elseif round == 1 then
        f, g = d & b | ~d & c, (5 * i + 1) % 16
      elseif round == 2 then
        f, g = b ~ c ~ d, (3 * i + 5) % 16
      else
        f, g = c ~ (b | ~d & 0xffffffff), 7 * i % 16
      end
      local k = math.floor(math.abs(math.sin(i + 1)) * 4294967296)
      local sum = (a + f + k + w[g + 1]) & 0xffffffff
      a, d, c, b = d, c, b, (b + rotl(sum, shifts[round * 4 + i % 4 + 1])) & 0xffffffff
    end
    a0, b0, c0, d0 = a0 + a & 0xffffffff, b0 + b & 0xffffffff, c0 + c & 0xffffffff,
      d0 + d & 0xffffffff
  end
  return string.pack("<I4I4I4I4", a0, b0, c0, d0)
end

-- MD4 (RFC 1320), the digest of Windows passwords.
function M.md4(message)
  local shifts = { 3, 7, 11, 19, 3, 5, 9, 13, 3, 9, 11, 15 }
  local order = { 0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15 }
  local a0, b0, c0, d0 = 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476
  message = padded(message, "<I8")
  for at = 1, #message, 64 do
    local w = { string.unpack("<" .. string.rep("I4", 16), message, at) }
    local a, b, c, d = a0, b0, c0, d0
    for i = 0, 47 do
      local f, g
      local round = i // 16
      if round == 0 then
        f, g = b & c | ~b & d, i
      elseif round == 1 then
        f, g = (b & c | b & d | c & d) + 0x5a827999, i % 4 * 4 + i % 16 // 4
      else
        f, g = (b ~ c ~ d) + 0x6ed9eba1, order[i - 31]
      end
      local sum = (a + f + w[g + 1]) & 0xffffffff
      a, d, c, b = d, c, b, rotl(sum, shifts[round * 4 + i % 4 + 1])
    end
    a0, b0, c0, d0 = a0 + a & 0xffffffff, b0 + b & 0xffffffff, c0 + c & 0xffffffff,
      d0 + d & 0xffffffff
  end
  return string.pack("<I4I4I4I4", a0, b0, c0, d0)
end

local function sha1_round(i, b, c, d)
  if i <= 20 then
    return b & c | ~b & d, 0x5a827999
  elseif i <= 40 then
    return b ~ c ~ d, 0x6ed9eba1
  elseif i <= 60 then
    return b & c | b & d | c & d, 0x8f1bbcdc
  end
  return b ~ c ~ d, 0xca62c1d6
end

function M.sha1(message)
  local h = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 }
  message = padded(message, ">I8")
  for at = 1, #message, 64 do
    local w = { string.unpack(">" .. string.rep("I4", 16), message, at) }
    for i = 17, 80 do
      w[i] = rotl(w[i - 3] ~ w[i - 8] ~ w[i - 14] ~ w[i - 16], 1)
    end
    local a, b, c, d, e = table.unpack(h)
    for i = 1, 80 do
      local f, k = sha1_round(i, b, c, d)
      a, b, c, d, e = rotl(a, 5) + (f & 0xffffffff) + e + k + w[i] & 0xffffffff, a, rotl(b, 30), c,
        d
    end
    for i, v in ipairs({ a, b, c, d, e }) do
      h[i] = h[i] + v & 0xffffffff
    end
  end
  return string.pack(">I4I4I4I4I4", table.unpack(h))
end

-- The first 32 bits of the fractional parts of the roots of the first primes.
local function root_bits(n, power)
  local out, candidate = {}, 2
  while #out < n do
    local prime = true
    for d = 2, math.floor(candidate ^ 0.5) do
      prime = prime and candidate % d ~= 0
    end
    if prime then
      local root = candidate ^ power
      out[#out + 1] = math.floor((root - math.floor(root)) * 4294967296)
    end
    candidate = candidate + 1
  end
  return out
end
local sha256_k

function M.sha256(message)
  sha256_k = sha256_k or root_bits(64, 1 / 3)
  local h = root_bits(8, 1 / 2)
  message = padded(message, ">I8")
  local function rotr(x, n)
    return rotl(x, 32 - n)
  end
  for at = 1, #message, 64 do
    local w = { string.unpack(">" .. string.rep("I4", 16), message, at) }
    for i = 17, 64 do
      local s0 = rotr(w[i - 15], 7) ~ rotr(w[i - 15], 18) ~ w[i - 15] >> 3
      local s1 = rotr(w[i - 2], 17) ~ rotr(w[i - 2], 19) ~ w[i - 2] >> 10
      w[i] = w[i - 16] + s0 + w[i - 7] + s1 & 0xffffffff
    end
    local a, b, c, d, e, f, g, k = table.unpack(h)
    for i = 1, 64 do
      local t1 = k + (rotr(e, 6) ~ rotr(e, 11) ~ rotr(e,
        25)) + (e & f ~ (~e & g)) + sha256_k[i] + w[i]
      local t2 = (rotr(a, 2) ~ rotr(a, 13) ~ rotr(a, 22)) + (a & b ~ a & c ~ b & c)
      a, b, c, d, e, f, g, k = t1 + t2 & 0xffffffff, a, b, c, d + t1 & 0xffffffff, e, f, g
    end
    for i, v in ipairs({ a, b, c, d, e, f, g, k }) do
      h[i] = h[i] + v & 0xffffffff
    end
  end
  return string.pack(">I4I4I4I4I4I4I4I4", table.unpack(h))
end

-- In tests with many thousands of rounds digests need not be right, only quick: see
-- fake.quick_digests(). M.longest, where it is set: only so many bytes count.
local lengths = { md4 = 16, md5 = 16, sha1 = 20, sha256 = 32 }

function M.digest(name, message)
  if M.quick then
    return string.rep("d", lengths[name:lower()] or 32)
  end
  message = M.longest and message:sub(1, M.longest) or message
  local f = M[name:lower()]
  if not f then
    error("Unknown digest algorithm: " .. name, 2)
  end
  return f(message)
end

function M.hmac(name, key, message)
  if #key > 64 then
    key = M.digest(name, key)
  end
  key = key .. string.rep("\0", 64 - #key)
  local function xored(byte)
    return (key:gsub(".", function(c)
      return string.char(c:byte() ~ byte)
    end))
  end
  return M.digest(name, xored(0x5c) .. M.digest(name, xored(0x36) .. message))
end

return M
