--- SSH 1 (the server's public key) and the forms in which people write the fingerprints of SSH
-- keys.

local io, math, os, pcall, string = io, math, os, pcall, string
local table = table
local base64, match, nmap, stdnse = require "base64", require "match", require "nmap",
  require "stdnse"
local has_openssl, openssl = pcall(require, "openssl")

local M = {}

local packet_max = 262144

-- Protocol ----------------------------------------------------------------------------------------

-- Length of a packet with its length field: data and padding to a multiple of eight (SSH protocol
-- 1.5).
local function total_length(buffer)
  local length = string.unpack(">I4", buffer)
  return 4 + length + 8 - length % 8, length
end

--- Where the first packet in a buffer ends, for `socket:receive_buf`.
function M.check_packet_length(buffer)
  if #buffer < 4 then
    return nil
  end
  local total, length = total_length(buffer)
  if length > packet_max then
    return #buffer, #buffer
  end
  if #buffer >= total then
    return total, total
  end
end

--- Receives one packet: `true, packet` or `false, reason`.
function M.receive_ssh_packet(socket)
  local status, packet = socket:receive_buf(M.check_packet_length, true)
  if not status then
    return false, packet
  end
  return true, packet
end

-- An SSH 1 integer: its bits in two bytes, then the bytes.
local function read_integer(data, at)
  local bits = string.unpack(">I2", data, at)
  local n = (bits + 7) // 8
  return string.sub(data, at + 2, at + 1 + n), at + 2 + n, bits
end

local function to_decimal(bytes)
  if has_openssl and openssl.bignum_bn2dec then
    return openssl.bignum_bn2dec(openssl.bignum_bin2bn(bytes))
  end
  return "0x" .. stdnse.tohex(bytes)
end

local function parse_public_key(packet)
  local _, length = total_length(packet)
  local padding = 8 - length % 8
  local data = string.sub(packet, 5 + padding, 4 + padding + length)
  -- SSH_SMSG_PUBLIC_KEY: cookie, server key, host key
  if string.byte(data) ~= 2 then
    return nil
  end
  local _, exponent, modulus, bits
  local at = 10 + 4
  _, at = read_integer(data, at)
  _, at = read_integer(data, at)
  at = at + 4
  exponent, at = read_integer(data, at)
  modulus, _, bits = read_integer(data, at)
  local exp, mod = to_decimal(exponent), to_decimal(modulus)
  return {
    exp = exp, mod = mod, bits = bits, key_type = "rsa1", algorithm = "RSA1", fp_input = modulus
    .. exponent,
    full_key = string.format("%d %s %s", bits, exp, mod), key = string.format("%s %s", exp, mod),
    fingerprint = has_openssl and openssl.md5(modulus .. exponent) or nil,
    fp_sha256 = has_openssl and openssl.digest("sha256", modulus .. exponent) or nil,
  }
end

--- The host key of a server that speaks SSH 1, a table like those of ssh2; nil for others.
function M.fetch_host_key(host, port)
  local socket = nmap.new_socket()
  socket:set_timeout(10000)
  local status = socket:connect(host, port)
  if not status then
    return nil
  end
  local line
  status, line = socket:receive_buf(match.pattern_limit("\r?\n", 4096), false)
  if not status or not string.find(line, "^SSH%-1%.") then
    socket:close()
    return nil
  end
  socket:send("SSH-1.5-Muster\n")
  local packet
  status, packet = M.receive_ssh_packet(socket)
  socket:close()
  if not status then
    return nil
  end
  local ok, key = pcall(parse_public_key, packet)
  return ok and key or nil
end

-- Fingerprints ------------------------------------------------------------------------------------

--- `2048 aabb... (RSA)` of fingerprint bytes; nmap 7.93 writes no colons between them.
function M.fingerprint_hex(fingerprint, algorithm, bits)
  return string.format("%d %s (%s)", bits, stdnse.tohex(fingerprint), algorithm)
end

--- `2048 SHA256:... (RSA)`: base64 without padding.
function M.fingerprint_base64(fingerprint, hash, algorithm, bits)
  local text = string.gsub(base64.enc(fingerprint), "=", "")
  return string.format("%d %s:%s (%s)", bits, hash, text, algorithm)
end

local vowels, consonants = "aeiouy", "bcdfghklmnprstvzx"
local function vowel(i)
  return string.sub(vowels, i + 1, i + 1)
end
local function consonant(i)
  return string.sub(consonants, i + 1, i + 1)
end

-- The Bubble Babble encoding (Antti Huima, draft "The Bubble Babble Binary Data Encoding").
local function bubblebabble(bytes)
  local out, seed = { "x" }, 1
  local rounds = #bytes // 2 + 1
  for i = 1, rounds do
    local first, second = string.byte(bytes, 2 * i - 1, 2 * i)
    if i < rounds or #bytes % 2 == 1 then
      out[#out + 1] = vowel(((first >> 6 & 3) + seed) % 6) .. consonant(first >> 2 & 15)
        .. vowel(((first & 3) + seed // 6) % 6)
      if i < rounds then
        out[#out + 1] = consonant(second >> 4 & 15) .. "-" .. consonant(second & 15)
        seed = (seed * 5 + first * 7 + second) % 36
      end
    else
      out[#out + 1] = vowel(seed % 6) .. consonant(16) .. vowel(seed // 6)
    end
  end
  return table.concat(out) .. "x"
end

--- `2048 xabcd-... (RSA)` in Bubble Babble; `fingerprint` is the SHA-1 of the key.
function M.fingerprint_bubblebabble(fingerprint, algorithm, bits)
  return string.format("%d %s (%s)", bits, bubblebabble(fingerprint), algorithm)
end

local board_width, board_height = 17, 9
local coins = " .o+=*BOX@%&#/^"

-- The walk of the drunken bishop over the board (D. Loss et al., "The drunken bishop"): visits of
-- each field.
local function bishop_walk(fingerprint)
  local visits, x, y = {}, board_width // 2, board_height // 2
  for i = 1, #fingerprint do
    local byte = string.byte(fingerprint, i)
    for _ = 1, 4 do
      x = math.max(0, math.min(board_width - 1, x + (byte & 1) * 2 - 1))
      y = math.max(0, math.min(board_height - 1, y + (byte >> 1 & 1) * 2 - 1))
      byte = byte >> 2
      local field = y * board_width + x
      visits[field] = (visits[field] or 0) + 1
    end
  end
  return visits, y * board_width + x
end

--- A picture of a fingerprint, as ssh-keygen draws it; begins and ends with a newline.
function M.fingerprint_visual(fingerprint, algorithm, bits)
  local visits, last = bishop_walk(fingerprint)
  local start = board_height // 2 * board_width + board_width // 2
  local lines = { string.format("\n+--[%4s %4d]----+", algorithm, bits) }
  for y = 0, board_height - 1 do
    local row = {}
    for x = 0, board_width - 1 do
      local field = y * board_width + x
      local n = math.min(visits[field] or 0, #coins - 1)
      row[#row + 1] = field == start and "S" or field == last and "E" or string.sub(coins, n + 1,
        n + 1)
    end
    lines[#lines + 1] = "|" .. table.concat(row) .. "|"
  end
  lines[#lines + 1] = "+" .. string.rep("-", board_width) .. "+\n"
  return table.concat(lines, "\n")
end

--- The entries of a known_hosts file (`path`, or ~/.ssh/known_hosts): an array of { linenumber = n,
-- entry = { names, type, key } }. nil, message when it cannot be read.
function M.parse_known_hosts_file(path)
  local home = os.getenv("HOME")
  path = path or home and home .. "/.ssh/known_hosts"
  local file, message = io.open(path or "", "r")
  if not file then
    return nil, message
  end
  local entries, n = {}, 0
  for line in file:lines() do
    n = n + 1
    local entry = {}
    for word in string.gmatch(string.gsub(line, "#.*$", ""), "%S+") do
      entry[#entry + 1] = word
    end
    if #entry >= 3 then
      entries[#entries + 1] = { linenumber = n, entry = entry }
    end
  end
  file:close()
  return entries
end

return M
