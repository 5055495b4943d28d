-- Answers as a hostile or broken server would send them: recorded ones with bits flipped, cut,
-- spliced with others, with lengths that lie. Its random numbers are its own, so that a run can be
-- repeated from its seed whatever the library under test draws.
--
--     local m = mutate.new(seed)
--     m:bytes(answer)        -> the changed answer
--     m:pieces(answer)       -> a list: what a socket gives, piece by piece; {} is silence
local M = {}
M.__index = M

-- Longest answer that is made, and answers kept to splice from.
local length_max, pool_max = 128 * 1024, 64

--- A source of mutations; equal seeds give equal ones.
function M.new(seed)
  local self = setmetatable({ state = 0, pool = {} }, M)
  self:seed(seed)
  return self
end

--- Keeps an answer to splice others with.
function M:remember(data)
  if #self.pool < pool_max and data ~= "" then
    self.pool[#self.pool + 1] = data
  end
end

--- Starts the random numbers anew; the answers remembered stay.
function M:seed(seed)
  self.state = (seed * 0x9e3779b97f4a7c15) ~ 0x2545f4914f6cdd1d
  if self.state == 0 then
    self.state = 1
  end
  for _ = 1, 4 do
    self:random(2)
  end
end

-- xorshift64, Marsaglia 2003: 1 to n.
function M:random(n)
  local x = self.state
  x = x ~ x << 13
  x = x ~ x >> 7
  x = x ~ x << 17
  self.state = x
  return (x >> 11) % n + 1
end

function M:pick(list)
  return list[self:random(#list)]
end

local kinds = {}
local bytes_told = { "\0", "\1", "\x7f", "\x80", "\xfe", "\xff", "\n", " ", "%", "(" }
local numbers_told = { 0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0xffffff,
  0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff }
local digits_told = { "0", "-1", "1", "255", "65536", "2147483648", "4294967295", "99999999999999",
  "18446744073709551616", "1e308", "0x7fffffff", "" }

local function replaced(data, at, length, new)
  return data:sub(1, at - 1) .. new .. data:sub(at + length)
end

function kinds.bits(self, data)
  for _ = 1, self:random(4) do
    local at = self:random(#data)
    data = replaced(data, at, 1, string.char(data:byte(at) ~ 1 << self:random(8) - 1))
  end
  return data
end

function kinds.byte(self, data)
  return replaced(data, self:random(#data), 1, self:pick(bytes_told))
end

function kinds.cut(self, data)
  return data:sub(1, self:random(#data) - 1)
end

function kinds.drop(self, data)
  return replaced(data, self:random(#data), self:random(8), "")
end

function kinds.insert(self, data)
  local new = {}
  for i = 1, self:random(16) do
    new[i] = self:random(2) == 1 and self:pick(bytes_told) or string.char(self:random(256) - 1)
  end
  return replaced(data, self:random(#data + 1), 0, table.concat(new))
end

-- A piece of the answer many times over: lists that do not end, nesting, long names.
function kinds.again(self, data)
  local at = self:random(#data)
  local piece = data:sub(at, at + self:random(64) - 1)
  local times = self:random(8) == 1 and length_max // #piece or self:random(64)
  return replaced(data, at, 0, piece:rep(times)):sub(1, length_max)
end

function kinds.splice(self, data)
  local other = #self.pool > 0 and self:pick(self.pool) or data
  return data:sub(1, self:random(#data)) .. other:sub(self:random(#other + 1))
end

-- Any two or four bytes may be a length: say another.
function kinds.length(self, data)
  local size = self:pick({ 1, 2, 3, 4, 8 })
  local value = self:random(3) == 1 and #data + self:random(9) - 5 or self:pick(numbers_told)
  value = value & (size == 8 and -1 or (1 << size * 8) - 1)
  return replaced(data, self:random(#data), size,
    string.pack((self:random(2) == 1 and ">I" or "<I") .. size, value))
end

-- A number in the text becomes another.
function kinds.digits(self, data)
  local first, last = data:find("%d+", self:random(#data))
  if not first then
    return kinds.length(self, data)
  end
  return replaced(data, first, last - first + 1, self:pick(digits_told))
end

local kind_names = { "bits", "byte", "cut", "drop", "insert", "again", "splice", "length", "length",
  "digits" }

--- The answer with one to three changes.
function M:bytes(data)
  if data == "" then
    data = self:pick(bytes_told)
  end
  for _ = 1, self:random(4) == 1 and 3 or 1 do
    data = kinds[self:pick(kind_names)](self, data)
    if data == "" then
      break
    end
  end
  return data:sub(1, length_max)
end

--- The changed answer as pieces: mostly one, at times split, sent twice, or none at all.
function M:pieces(data)
  local how = self:random(16)
  if how == 1 then
    return {}
  elseif how == 2 then
    return { data, data }
  end
  data = self:bytes(data)
  if how <= 4 and #data > 1 then
    local at = self:random(#data - 1)
    return { data:sub(1, at), data:sub(at + 1) }
  end
  return data ~= "" and { data } or {}
end

return M
