--- Statistics: mean, median, entropy, randomness.

local ipairs, math, pairs, string, table = ipairs, math, pairs, string, table

local M = {}

--- Mean and standard deviation of an array of numbers (of the sample). nil when it is empty.
function M.mean_stddev(t)
  if #t == 0 then
    return nil
  end
  local sum = 0
  for _, v in ipairs(t) do
    sum = sum + v
  end
  local mean, squares = sum / #t, 0
  for _, v in ipairs(t) do
    squares = squares + (v - mean) ^ 2
  end
  return mean, #t > 1 and math.sqrt(squares / (#t - 1)) or 0
end

--- The k-th smallest of an array, which is not changed.
function M.quickselect(t, k)
  local copy = { table.unpack(t) }
  table.sort(copy)
  return copy[k]
end

--- The median of an array: the mean of the two in the middle when their number is even. nil when it
-- is empty.
function M.median(t)
  local n = #t
  if n == 0 then
    return nil
  elseif n % 2 == 1 then
    return M.quickselect(t, (n + 1) // 2)
  end
  return (M.quickselect(t, n // 2) + M.quickselect(t, n // 2 + 1)) / 2
end

--- Bits of entropy that a password has by the kinds of its characters.
function M.calcPwdEntropy(value)
  local kinds = { { "%l", 26 }, { "%u", 26 }, { "%d", 10 }, { "[%p ]", 33 } }
  local alphabet = 0
  for _, kind in ipairs(kinds) do
    if string.find(value, kind[1]) then
      alphabet = alphabet + kind[2]
    end
  end
  return alphabet > 0 and #value * math.log(alphabet, 2) or 0
end

--- Do bytes look random? True when the frequency of single bits, of runs and of bytes is what
-- chance gives (three tests of NIST SP 800-22 with wide bounds). False for fewer than eight
-- bytes. Of many bytes the first 8 KiB are looked at.
function M.looksRandom(data)
  data = string.sub(data, 1, 8192)
  local n = #data * 8
  if n < 64 then
    return false
  end
  local ones, runs, last = 0, 0, nil
  local seen = {}
  for i = 1, #data do
    local byte = string.byte(data, i)
    seen[byte] = (seen[byte] or 0) + 1
    for shift = 7, 0, -1 do
      local bit = byte >> shift & 1
      ones = ones + bit
      if bit ~= last then
        runs, last = runs + 1, bit
      end
    end
  end
  local most = 0
  for _, count in pairs(seen) do
    most = math.max(most, count)
  end
  local bound = 3.5 * math.sqrt(n) / 2
  return math.abs(ones - n / 2) < bound and math.abs(runs - n / 2) < bound
    and most <= 3 + #data // 16
end

return M
