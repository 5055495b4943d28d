--- JSON over HTTP, as management interfaces of servers speak it: one request, one decoded answer.
-- And answers that count: no answer, "too many requests" (429) and failures of the server (5xx)
-- pass, and say nothing of what was asked for. To a script's first question they may say that this
-- is no such server; to a further one they are an error, which leaves the inventory as it was.

local error, http, json, ipairs = error, require "http", require "json", ipairs
local stdnse, stringaux, table, type = require "stdnse", require "stringaux", table, type

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

--- Does a response count? 501 does: the server cannot do it.
function M.counts(response)
  local status = response.status
  return status ~= nil and status ~= 429 and (status < 500 or status == 501)
end

--- The response to a further question about `what`, a path; an error when it does not count.
function M.certain(response, what)
  if not M.counts(response) then
    local line = response["status-line"] or "nothing"
    error(("no answer for %s: %s"):format(what, stringaux.trim(line)), 0)
  end
  return response
end

--- The same as `get` for a further question.
function M.follow(host, port, path, options)
  local value, response = M.get(host, port, path, options)
  return value, M.certain(response, path)
end

--- The responses to all of `requests` (http.pipeline_add). An error when one is missing, or when
-- all are failures of the server: single paths may fail, or be refused, for good.
function M.all(host, port, requests)
  local responses, works = http.pipeline_go(host, port, requests) or {}, false
  for i, request in ipairs(requests) do
    local response = responses[i] or {}
    if not response.refused and (not response.status or response.status == 429) then
      M.certain(response, request.path)
    end
    works = works or response.refused or M.counts(response)
  end
  if not works then
    M.certain(responses[1], requests[1].path)
  end
  return responses
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
