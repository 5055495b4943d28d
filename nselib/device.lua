--- What devices tell of themselves in flat lists of names and values: leaf elements of XML, members of
-- JSON. Picked, made fit to show, and with hardware addresses in one spelling.
--
--     local output = device.pick(device.elements(response.body), {
--       { "Model", "model-name" }, { "MAC address", "wifi-mac", device.mac },
--     })

local ipairs, math, stdnse, string = ipairs, math, require "stdnse", string
local tonumber, tostring, type, utf8 = tonumber, tostring, type, utf8

local M = {}

local document_max, value_max = 131072, 200
local entities = { amp = "&", lt = "<", gt = ">", quot = '"', apos = "'" }

-- The five entities of XML, and numbered characters.
local function decoded(text)
  return (string.gsub(text, "&(#?x?)(%w+);", function(kind, name)
    local number = kind ~= "" and math.tointeger(tonumber(name, kind == "#" and 10 or 16))
    if number and number >= 32 and number < 0xd800 then
      return utf8.char(number)
    end
    return kind == "" and entities[name] or nil
  end))
end

--- The texts of a document's elements that hold nothing else, by name without its prefix; of several
-- the first.
function M.elements(xml)
  local values = {}
  for name, text in string.gmatch(string.sub(xml, 1, document_max), "<([%w:_.-]+)>([^<>]*)</") do
    name = string.match(name, "[^:]*$")
    values[name] = values[name] or decoded(string.sub(text, 1, value_max))
  end
  return values
end

--- "88:de:a9:01:02:03" of an address in any of its spellings; nil of what is none, or none's.
function M.mac(text)
  local digits = string.lower(string.gsub(text, "[:%-. ]", ""))
  if not string.find(digits, "^" .. string.rep("%x", 12) .. "$") or string.find(digits, "^0*$") then
    return nil
  end
  return string.sub(string.gsub(digits, "%x%x", "%0:"), 1, 17)
end

local function shown(value)
  local kind = type(value)
  if kind == "boolean" or kind == "number" then
    return value
  elseif kind ~= "string" then
    return nil
  end
  local text = string.match(string.gsub(string.sub(value, 1, value_max), "%c", " "), "^%s*(.-)%s*$")
  return text ~= "" and text or nil
end

--- An output table of the fields that are there. `fields`: array of { shown name, key, function that
-- gives what is shown of the text or nil }; of several with one shown name the first counts. nil when
-- none is there.
function M.pick(values, fields)
  local output = stdnse.output_table()
  for _, field in ipairs(fields) do
    local value = shown(values[field[2]])
    if value ~= nil and field[3] then
      value = field[3](tostring(value))
    end
    if value ~= nil and output[field[1]] == nil then
      output[field[1]] = value
    end
  end
  return #output > 0 and output or nil
end

return M
