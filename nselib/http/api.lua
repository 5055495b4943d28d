--- JSON over HTTP, as management interfaces of servers speak it: one request, one decoded answer.
-- And answers that count: no answer, "too many requests" (429) and failures of the server (5xx)
-- pass, and say nothing of what was asked for. To a script's first question they may say that this
-- is no such server; to a further one they are an error, which leaves the inventory as it was. And so
-- is it when a web server that is known to be there does not answer the first.

local asker, error, http, json, ipairs = require "asker", error, require "http", require "json", ipairs
local shortport, stdnse, stringaux = require "shortport", require "stdnse", require "stringaux"
local table, tostring, type = table, tostring, type

local M = {}

-- Services that are web servers, as they are called when they were recognised.
local web_services = {
  "consul", "couchdb", "docker", "elasticsearch", "etcd", "grafana", "influxdb", "kubernetes",
  "prometheus", table.unpack(shortport.LIKELY_HTTP_SERVICES),
}

--- The end of a script that got no answer to its first question, for a page that every web server
-- has: nil, or an error of one that was recognised (asker.unanswered).
function M.unanswered(port, reason)
  return asker.unanswered(port, web_services, reason)
end

--- The response to a script's first question, which is for a page that every web server has. An
-- error when one that was recognised did not answer it.
function M.first(port, response)
  if not response.status then
    M.unanswered(port, response["status-line"])
  end
  return response
end

-- Does the server answer the question for its page now? It is asked each time: what it answered a
-- while ago says nothing of a server that is lost since. Silence is waited for once in a visit.
local function answers_page(host, port)
  host.registry.web_answers = host.registry.web_answers or {}
  local known = host.registry.web_answers
  if known[port.number] ~= false then
    local response = http.get(host, port, "/", { redirect_ok = false, bypass_cache = true,
      no_cache = true, truncated_ok = true, max_body_size = 65536 })
    known[port.number] = response.status ~= nil
  end
  return known[port.number]
end

--- The same for a question that a server may not like: there are some that end the connection, or say
-- nothing, to methods or paths. That is a refusal of one that does answer the question for "/".
function M.first_or_refused(host, port, response)
  local lost = not response.status and asker.is_loss(response["status-line"])
  if lost and asker.is_recognised(port, web_services) and not answers_page(host, port) then
    M.unanswered(port, response["status-line"])
  end
  return response
end

--- http.identify_404, as a script's first question.
function M.identify_404(host, port)
  local ok, missing, known = http.identify_404(host, port)
  if not ok then
    M.first_or_refused(host, port, { ["status-line"] = missing })
  end
  return ok, missing, known
end

-- What a path answers to GET as a Lua value, and the response.
local function get(host, port, path, options)
  options = options or {}
  if options.redirect_ok == nil then
    options.redirect_ok = false
  end
  local response = http.get(host, port, path, options)
  local status, value = json.parse(response.status == 200 and response.body or "")
  return status and type(value) == "table" and value or nil, response
end

--- What a path answers to GET as a Lua value (json.parse), and the response. nil and the response
-- when the status is not 200 or the body is no JSON object or array. Redirects are not followed: an
-- interface that sends people to a login page is not open. It is a script's first question: an error
-- when a web server that was recognised answers nothing.
function M.get(host, port, path, options)
  local value, response = get(host, port, path, options)
  return value, M.first_or_refused(host, port, response)
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
  local value, response = get(host, port, path, options)
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
