--- Punycode (RFC 3492): names of any alphabet in ASCII.

local ipairs, string, table, type, utf8 = ipairs, string, table, type, utf8

local M = {}

-- Bytes of a label written out, or encoded; DNS allows 63.
local longest = 1024
local base, t_min, t_max, skew, damp, initial_bias, initial_n = 36, 1, 26, 38, 700, 72, 128

local function adapt(delta, n, first)
  delta = first and delta // damp or delta // 2
  delta = delta + delta // n
  local k = 0
  while delta > (base - t_min) * t_max // 2 do
    delta = delta // (base - t_min)
    k = k + base
  end
  return k + (base - t_min + 1) * delta // (delta + skew)
end

local function threshold(k, bias)
  return k <= bias and t_min or k >= bias + t_max and t_max or k - bias
end

local function digit(d)
  return string.char(d + (d < 26 and 0x61 or 0x30 - 26))
end

-- The digits of a delta, as a variable-length integer.
local function encode_delta(delta, bias, out)
  local q, k = delta, base
  while true do
    local t = threshold(k, bias)
    if q < t then
      break
    end
    out[#out + 1] = digit(t + (q - t) % (base - t))
    q, k = (q - t) // (base - t), k + base
  end
  out[#out + 1] = digit(q)
end

--- The Punycode text of an array of code points.
function M.encode_input(input)
  local out = {}
  for _, code in ipairs(input) do
    if code < 0x80 then
      out[#out + 1] = string.char(code)
    end
  end
  local n, delta, bias, basic = initial_n, 0, initial_bias, #out
  local handled = basic
  if basic > 0 then
    out[#out + 1] = "-"
  end
  while handled < #input do
    local lowest = 0x10ffff
    for _, code in ipairs(input) do
      if code >= n and code < lowest then
        lowest = code
      end
    end
    delta = delta + (lowest - n) * (handled + 1)
    n = lowest
    for _, code in ipairs(input) do
      if code < n then
        delta = delta + 1
      elseif code == n then
        encode_delta(delta, bias, out)
        bias = adapt(delta, handled + 1, handled == basic)
        delta, handled = 0, handled + 1
      end
    end
    delta, n = delta + 1, n + 1
  end
  return table.concat(out)
end

local function value_of(byte)
  if byte >= 0x30 and byte <= 0x39 then
    return byte - 0x30 + 26
  elseif byte >= 0x41 and byte <= 0x5a then
    return byte - 0x41
  elseif byte >= 0x61 and byte <= 0x7a then
    return byte - 0x61
  end
end

--- The code points of a Punycode text. nil, message for what is none.
function M.decode_input(input)
  local output, at = {}, 1
  local basic = string.match(input, "^(.*)%-[^-]*$")
  for i = 1, #(basic or "") do
    output[i] = string.byte(basic, i)
  end
  if basic then
    at = #basic + 2
  end
  local n, i, bias = initial_n, 0, initial_bias
  while at <= #input do
    local old, weight, k = i, 1, base
    while true do
      local value = at <= #input and value_of(string.byte(input, at))
      at = at + 1
      if not value or weight > 0x7fffffff then
        return nil, "no Punycode"
      end
      i = i + value * weight
      local t = threshold(k, bias)
      if value < t then
        break
      end
      weight, k = weight * (base - t), k + base
    end
    bias = adapt(i - old, #output + 1, old == 0)
    n = n + i // (#output + 1)
    i = i % (#output + 1)
    if n > 0x10ffff or #output > 255 then
      return nil, "no Punycode"
    end
    table.insert(output, i + 1, n)
    i = i + 1
  end
  return output
end

--- A label (array of code points, or UTF-8 text) as DNS has it, with "xn--" when it needs it.
function M.encode_label(u)
  local codes = type(u) == "string" and { utf8.codepoint(u, 1, -1) } or u
  for _, code in ipairs(codes) do
    if code >= 0x80 then
      return "xn--" .. M.encode_input(codes)
    end
  end
  return utf8.char(table.unpack(codes))
end

--- The code points of a label of DNS. nil, message for one that is no Punycode behind "xn--".
function M.decode_label(s)
  if #s > longest then
    return nil, "longer than a label"
  end
  local encoded = string.match(string.lower(s), "^xn%-%-(.*)$")
  if encoded then
    return M.decode_input(encoded)
  end
  return utf8.len(s) and { utf8.codepoint(s, 1, -1) } or { string.byte(s, 1, -1) }
end

return M
