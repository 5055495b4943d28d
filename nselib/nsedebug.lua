--- Helpers for whoever writes a script and wants to see what it holds.

local debug, pairs, require, string = debug, pairs, require, string
local table, tostring, type = table, tostring, type
local stdnse = require "stdnse"

local M = {}

--- The text of a value; tables are written with all that is in them, each level two blanks deeper.
function M.tostr(data, indent)
  indent = indent or 0
  local pad = string.rep(" ", indent)
  if type(data) ~= "table" then
    return pad .. tostring(data) .. "\n"
  end
  local lines = {}
  for k, v in pairs(data) do
    if type(v) == "table" then
      lines[#lines + 1] = pad .. tostring(k) .. "\n" .. M.tostr(v, indent + 2)
    else
      lines[#lines + 1] = pad .. tostring(k) .. ": " .. tostring(v) .. "\n"
    end
  end
  return table.concat(lines)
end

local function hex_line(offset, bytes)
  local hex = string.gsub(bytes, ".", function(c)
    return string.format("%02x ", string.byte(c))
  end)
  local text = string.gsub(bytes, "[^ -~]", ".")
  return string.format("%08x  %-48s %s", offset, hex, text)
end

--- Logs a string at debug level 1 as lines of 16 bytes: offset, hex, printable text.
function M.print_hex(str)
  for at = 1, #str, 16 do
    stdnse.debug1("%s", hex_line(at - 1, string.sub(str, at, at + 15)))
  end
end

--- Logs the call stack at debug level 1.
function M.print_stack()
  for line in string.gmatch(debug.traceback("", 2), "[^\n]+") do
    stdnse.debug1("%s", line)
  end
end

return M
