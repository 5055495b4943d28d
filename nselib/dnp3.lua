--- DNP3 (IEEE 1815-2012), as much of it as asking an outstation who it is takes: frames of the link layer
-- (clause 9), segments (8), reading device attributes (group 0, annex A.1). Nothing is written or confirmed.

local ipairs, math, string, table = ipairs, math, string, table

local M = {}

local START, LINK_STATUS, FROM_MASTER, PRIMARY = "\x05\x64", 0x0b, 0x80, 0x40
M.REQUEST_LINK_STATUS, M.UNCONFIRMED_USER_DATA = 0xc9, 0xc4

--- The checksum of a block (9.2.4.1.8): CRC-16/DNP.
function M.crc(bytes)
  local crc = 0
  for i = 1, #bytes do
    crc = crc ~ string.byte(bytes, i)
    for _ = 1, 8 do
      crc = crc & 1 ~= 0 and crc >> 1 ~ 0xa6bc or crc >> 1
    end
  end
  return crc ~ 0xffff
end

local function block(bytes)
  return bytes .. string.pack("<I2", M.crc(bytes))
end

--- A frame: header of 8 bytes, then data in blocks of 16, each with its checksum.
function M.frame(control, destination, source, data)
  data = data or ""
  local parts = { block(START .. string.pack("<BBI2I2", 5 + #data, control, destination, source)) }
  for at = 1, #data, 16 do
    parts[#parts + 1] = block(string.sub(data, at, at + 15))
  end
  return table.concat(parts)
end

-- The data of a frame, without checksums; nil where one is wrong.
local function data_of(bytes, at, length)
  local parts = {}
  while length > 0 do
    local size = math.min(length, 16)
    local piece = string.sub(bytes, at, at + size - 1)
    if #bytes < at + size + 1 or M.crc(piece) ~= string.unpack("<I2", bytes, at + size) then
      return nil
    end
    parts[#parts + 1] = piece
    at, length = at + size + 2, length - size
  end
  return table.concat(parts), at
end

--- The next frame in `bytes` from `at` on: { control, destination, source, data } and where the next
-- one begins; nil when there is none that is whole.
function M.next_frame(bytes, at)
  while true do
    at = string.find(bytes, START, at, true)
    if not at or #bytes < at + 9 then
      return nil
    end
    local length, control, destination, source, crc = string.unpack("<BBI2I2I2", bytes, at + 2)
    if length >= 5 and crc == M.crc(string.sub(bytes, at, at + 7)) then
      local data, after = data_of(bytes, at + 10, length - 5)
      if data then
        return { control = control, destination = destination, source = source, data = data }, after
      end
    end
    at = at + 1
  end
end

--- Is it an outstation's frame?
function M.is_of_outstation(frame)
  return frame.control & FROM_MASTER == 0
end

--- Is an outstation's frame the answer to a request for its link's status?
function M.is_link_status(frame)
  return frame.control & PRIMARY == 0 and frame.control & 0x0f == LINK_STATUS
end

--- A request for all attributes of the default set (g0v254, set 0), in one segment.
function M.attributes_request()
  return "\xc0\xc0\1\0\xfe\0\0\0"
end

--- Application layer of a response from the data of its frames: control, indications, objects; nil
-- when it is none. `segments`: array of data, each behind its transport header.
function M.response(segments)
  local parts = {}
  for i, segment in ipairs(segments) do
    parts[i] = string.sub(segment, 2)
  end
  local fragment = table.concat(parts)
  if #fragment < 4 or string.byte(fragment, 2) ~= 0x81 then
    return nil
  end
  return string.byte(fragment, 1), string.unpack("<I2", fragment, 3), string.sub(fragment, 5)
end

--- Texts among the attributes: variation -> text. Each stands behind group 0, its variation, a range of
-- one set, its type (1: visible characters) and its length.
function M.attributes(objects)
  local texts, at = {}, 1
  while at + 6 <= #objects do
    local group, variation, qualifier, _, _, kind, length, value = string.unpack("BBBBBBB", objects, at)
    if group ~= 0 or qualifier ~= 0 or value + length - 1 > #objects then
      break
    elseif kind == 1 then
      texts[variation] = string.sub(objects, value, value + length - 1)
    end
    at = value + length
  end
  return texts
end

return M
