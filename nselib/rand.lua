--- Random strings from the host's own source of random bytes.

local error, nmap, string, table = error, require "nmap", string, table
local math, type = math, type

local M = {}

-- Uniform in 1..n: bytes beyond the last whole multiple of n are thrown away.
local function index_below(n)
  local limit = 256 - 256 % n
  while true do
    local byte = string.byte(nmap.get_random_bytes(1))
    if byte < limit then
      return byte % n + 1
    end
  end
end

--- `len` random bytes; with `charset` (a string or an array of strings) `len` random members of it.
function M.random_string(len, charset)
  if charset == nil then
    return nmap.get_random_bytes(len)
  end
  local n, out = #charset, {}
  if n < 1 or n > 256 then
    error("a character set has 1 to 256 members", 2)
  end
  for i = 1, len do
    local at = index_below(n)
    out[i] = type(charset) == "string" and string.sub(charset, at, at) or charset[at]
  end
  return table.concat(out)
end

--- `len` random lower-case letters.
function M.random_alpha(len)
  return M.random_string(len, "abcdefghijklmnopqrstuvwxyz")
end

--- An array of the characters from `left_bound` to `right_bound`, put behind those of `charset` if
-- given.
function M.charset(left_bound, right_bound, charset)
  local result = charset or {}
  for c = string.byte(left_bound), string.byte(right_bound) do
    result[#result + 1] = string.char(c)
  end
  return result
end

--- A random integer from `low` to `high`, both included (a span of at most 2^48).
function M.random_integer(low, high)
  local n = string.unpack(">I6", nmap.get_random_bytes(6))
  return low + math.floor(n % (high - low + 1))
end

return M
