--- Two operations on integers that Lua has no operator for.

local M = {}

--- `a` shifted right by `b` bits, the sign kept.
function M.arshift(a, b)
  if a < 0 then
    return ~(~a >> b)
  end
  return a >> b
end

--- The lowest `size` bits of `n` (8 when nil) in the opposite order.
function M.reverse(n, size)
  local result = 0
  for _ = 1, size or 8 do
    result = result << 1 | n & 1
    n = n >> 1
  end
  return result
end

return M
