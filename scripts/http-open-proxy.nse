description = [[
Finds HTTP proxies that forward requests for anyone. Asks the proxy for a page of the target itself
or, where one is given, of another server; nothing else is contacted.
]]
---
-- @args http-open-proxy.url      A page to ask for through the proxy (the target's own root).
-- @args http-open-proxy.pattern  A plain text that stands in that page.
--
-- @output
-- | http-open-proxy: Potentially OPEN proxy.
-- |_Methods supported: GET HEAD CONNECTION

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = {}
volatile = {}
finding = "high"

local asker = require "asker"
local comm = require "comm"
local shortport = require "shortport"
local stdnse = require "stdnse"
local url = require "url"

local services = { "polipo", "squid-http", "http-proxy" }
portrule = shortport.port_or_service({ 8123, 3128, 8000, 8080 }, services)

-- The answer to "METHOD target HTTP/1.0", "" without one; then also why, unless the server ended
-- the connection, which is an answer.
local function ask(host, port, method, target, name)
  local request = ("%s %s HTTP/1.0\r\n%s\r\n"):format(method, target,
    name and "Host: " .. name .. "\r\n" or "")
  local status, answer = comm.exchange(host, port, request, { timeout = 10000 })
  if status then
    return answer
  end
  return "", answer ~= "EOF" and ("no answer for %s %s: %s"):format(method, target, answer) or nil
end

-- What only a proxy says: a Via line, a squid's cache lines, a tunnel that is open.
local function forwarded(answer, pattern)
  if not answer:find("^HTTP/1%.[01] 2%d%d") then
    return false
  elseif pattern then
    return answer:find(pattern, 1, true) ~= nil
  end
  local head = (answer:match("^(.-)\r?\n\r?\n") or answer):lower()
  return head:find("\nvia:") ~= nil or head:find("\nx%-cache") ~= nil
    or head:find("\nproxy%-agent:") ~= nil
end

-- Which methods get the page through the proxy; then why another got no answer, and whether any got one.
local function pages(host, port, page, name, pattern)
  local found, silence, heard = {}, nil, false
  for _, method in ipairs({ "GET", "HEAD" }) do
    local answer, why = ask(host, port, method, page, name)
    silence, heard = silence or why, heard or answer ~= ""
    if forwarded(answer, method == "GET" and pattern or nil) then
      found[#found + 1] = method
    end
  end
  return found, silence, heard
end

function action(host, port)
  local page, pattern = stdnse.get_script_args(SCRIPT_NAME .. ".url", SCRIPT_NAME .. ".pattern")
  local own = not page and not pattern
  page = page or ("http://%s/"):format(host.ip:find(":", 1, true) and "[" .. host.ip .. "]"
    or host.ip)
  local parsed = url.parse(page)
  local found, silence, heard = pages(host, port, page, parsed.host, pattern)
  if own and #found > 0 then
    -- a cache before a site says the same of that site to whoever asks it as a web server
    local answer, why = ask(host, port, "GET", "/", parsed.host)
    silence = silence or why
    found = forwarded(answer) and {} or found
  end
  local tunnel, why = ask(host, port, "CONNECT", ("%s:%d"):format(parsed.host, parsed.port or 80))
  silence = silence or why
  if tunnel:find("^HTTP/1%.[01] 200 [^\r\n]*onnect") then
    found[#found + 1] = "CONNECTION"
  end
  if #found > 0 and silence then
    error(silence, 0)
  elseif silence and not heard and tunnel == "" then
    return asker.unanswered(port, services, silence)
  elseif #found > 0 then
    return "Potentially OPEN proxy.\nMethods supported: " .. table.concat(found, " ")
  end
end
