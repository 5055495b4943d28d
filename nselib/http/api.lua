--- JSON over HTTP, as management interfaces of servers speak it: one request, one decoded answer.

local http, json, ipairs = require "http", require "json", ipairs
local stdnse, table, type = require "stdnse", table, type

local M = {}

--- What a path answers to GET as a Lua value (json.parse), and the response. nil and the response
-- when the status is not 200 or the body is no JSON object or array. Redirects are not followed: an
-- interface that sends people to a login page is not open.
function M.get(host, port, path, options)
  options = options or {}
  if options.redirect_ok == nil then
    options.redirect_ok = false
  end
  local response = http.get(host, port, path, options)
  if response.status ~= 200 or not response.body then
    return nil, response
  end
  local status, value = json.parse(response.body)
  if not status or type(value) ~= "table" then
    return nil, response
  end
  return value, response
end

--- The value below a path of keys ("a", "b"), or nil.
function M.dig(value, ...)
  for _, key in ipairs({ ... }) do
    if type(value) ~= "table" then
      return nil
    end
    value = value[key]
  end
  return value
end

--- An output table of the fields that are there: `fields` is an array of { shown name, key, ... }.
-- Only strings, numbers and booleans count. nil when none is there.
function M.pick(value, fields)
  local output, any = stdnse.output_table(), false
  for _, field in ipairs(fields) do
    local item = M.dig(value, table.unpack(field, 2))
    local kind = type(item)
    if kind == "string" and item ~= "" or kind == "number" or kind == "boolean" then
      output[field[1]], any = item, true
    end
  end
  return any and output or nil
end

return M
