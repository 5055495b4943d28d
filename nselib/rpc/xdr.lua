--- XDR values as ONC RPC carries them (RFC 4506), and the names of programs: what rpc.lua gives as
-- `Util`.

local datafiles, error, math, pairs = require "datafiles", error, math, pairs
local string = string

local Util = {}

--- How many bytes fill `length` up to a multiple of four.
function Util.CalcFillBytes(length)
  return -length % 4
end

--- Bytes of integers, of opaque data with and without their length in front (RFC 4506).
function Util.marshall_int32(n)
  return string.pack(">i4", n)
end
function Util.marshall_uint32(n)
  return string.pack(">I4", n)
end
function Util.marshall_int64(n)
  return string.pack(">i8", n)
end
function Util.marshall_uint64(n)
  return string.pack(">I8", n)
end
function Util.marshall_opaque(data)
  return data .. string.rep("\0", Util.CalcFillBytes(#data))
end
function Util.marshall_vopaque(data)
  return string.pack(">I4", #data) .. Util.marshall_opaque(data)
end

-- A reader that gives position and value, or nil when the data end.
local function unmarshaller(format, size)
  return function(data, pos, count)
    if count and count > 1 then
      local values = {}
      for i = 1, count do
        if pos + size - 1 > #data then
          return nil
        end
        values[i] = string.unpack(format, data, pos)
        pos = pos + size
      end
      return pos, values
    elseif pos + size - 1 > #data then
      return nil
    end
    return pos + size, (string.unpack(format, data, pos))
  end
end
--- Readers: (data, position) -> position after it, value; nil when the data end.
Util.unmarshall_int32 = unmarshaller(">i4", 4)
Util.unmarshall_uint32 = unmarshaller(">I4", 4)
Util.unmarshall_int64 = unmarshaller(">i8", 8)
Util.unmarshall_uint64 = unmarshaller(">I8", 8)

--- `len` bytes and what fills them up.
function Util.unmarshall_opaque(len, data, pos)
  local last = pos + len + Util.CalcFillBytes(len) - 1
  if len < 0 or pos + len - 1 > #data then
    return nil
  end
  return math.min(last, #data) + 1, string.sub(data, pos, pos + len - 1)
end
function Util.unmarshall_vopaque(len, data, pos)
  return Util.unmarshall_opaque(len, data, pos)
end

-- A length and that many bytes.
function Util.read_opaque(data, pos)
  local length
  pos, length = Util.unmarshall_uint32(data, pos)
  if not pos then
    return nil
  end
  return Util.unmarshall_opaque(length, data, pos)
end

-- The same, thrown when the data end: for readers of lists, which are called protected.
function Util.must_opaque(data, pos)
  local after, bytes = Util.read_opaque(data, pos)
  if not after then
    error("the data end", 0)
  end
  return after, bytes
end

local numbers, names

local function load_programs()
  local status, list = datafiles.parse_rpc()
  names = status and list or {}
  names[100000], names[100003], names[100005] = "rpcbind", "nfs", "mountd"
  numbers = {}
  for number, name in pairs(names) do
    numbers[name] = number
  end
end

--- Number of a program by name, name by number; nil when it is not known.
function Util.ProgNameToNumber(prog_name)
  if not numbers then
    load_programs()
  end
  return numbers[prog_name]
end
function Util.ProgNumberToName(num)
  if not names then
    load_programs()
  end
  return names[num]
end

return Util
