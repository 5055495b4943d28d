--- An HTTP client for scripts: requests over plain TCP or TLS, redirects, a cache, pipelining, and
-- helpers that tell whether a page exists. HTTP/1.1 by RFC 9110 and RFC 9112.
--
-- A response is a table: `status` (a number, nil when there was no answer), `status-line` (the
-- line, or what went wrong), `version`, `header` (lower-case name -> value; several of a name are
-- joined by ", "), `rawheader` (the lines), `cookies` (array of { name, value, path, ... }), `body`
-- (decoded), `rawbody`, `decoded`, `undecoded` (content codings), `location` (the Location of each
-- redirect that was followed), `truncated`, `ssl` (true when TLS was used), `incomplete` (beside an
-- error: what there was of the response), `refused` (see pipeline_go).
--
-- Options of a request, all optional:
--   timeout             milliseconds
--   header              table of headers; they win over ours
--   content             request body: a string, or a table of form fields
--   cookies             a string, or an array of cookies as in a response
--   auth                { username =, password =, digest = true for Digest }
--   redirect_ok         follow redirects? false, a number of hops, or a function (host, port) that
--                       gives a function (url) -> boolean. For GET and HEAD; 5 hops within the
--                       same host are followed when nil
--   max_body_size       bytes; a longer body is an error, or cut when `truncated_ok`. -1: the
--                       built-in ceiling
--   bypass_cache, no_cache, no_cache_body   do not read from, not write to the cache
--   scheme              "http" or "https"; found out when nil
--   any_af              let the resolver choose the address family
--
-- Script arguments: `http.useragent`, `http.host` (the Host header), `http.max-body-size` (2 MiB
-- when not given), `http.truncated-ok`, `http.max-pipeline`, `http.max-cache-size` (1 MiB for each
-- host).

local ipairs, math, next, nmap = ipairs, math, next, require "nmap"
local setmetatable, string, table, tonumber = setmetatable, string, table, tonumber
local tostring, type = tostring, type
local comm, ipOps, rand, stdnse = require "comm", require "ipOps", require "rand", require "stdnse"
local stringaux, tableaux, url = require "stringaux", require "tableaux", require "url"
local auth, message, page = require "http.auth", require "http.message", require "http.page"

local M = {}

--- The User-Agent that is sent.
M.USER_AGENT = stdnse.get_script_args("http.useragent")
  or "Mozilla/5.0 (compatible; Muster network inventory)"

local given_host = stdnse.get_script_args("http.host")
local body_max = tonumber(stdnse.get_script_args("http.max-body-size") or "") or 2 * 1024 * 1024
local body_ceiling = 64 * 1024 * 1024
local truncated_ok = stdnse.get_script_args("http.truncated-ok") ~= nil
local redirects_max = 5

M.parse_date, M.tag_pattern = page.parse_date, page.tag_pattern
M.grab_forms, M.parse_form = page.grab_forms, page.parse_form
M.clean_404, M.response_contains = page.clean_404, page.response_contains
M.parse_www_authenticate = auth.parse_www_authenticate

local function failure(reason, incomplete)
  return {
    status = nil, ["status-line"] = tostring(reason or "no response"), header = {}, rawheader = {},
    cookies = {},
    body = nil, rawbody = nil, version = nil, ssl = nil, incomplete = incomplete,
  }
end

local function limits(options)
  local limit = options.max_body_size or body_max
  if limit < 0 or limit > body_ceiling then
    limit = body_ceiling
  end
  local cut = options.truncated_ok
  if cut == nil then
    cut = truncated_ok
  end
  return limit, cut
end

-- The value of the Host header: the name by which the host was asked for, and the port unless it is
-- the scheme's.
local function host_field(host, port, scheme)
  if given_host then
    return given_host
  end
  local name = stdnse.get_hostname(host)
  if string.find(name, ":", 1, true) then
    name = "[" .. name .. "]"
  end
  local number = type(port) == "table" and port.number or port
  if number == url.get_default_port(scheme) then
    return name
  end
  return name .. ":" .. number
end

local function request_text(host, port, method, path, options, scheme, connection)
  local with = options
  if options.auth and not options.auth.digest then
    with = setmetatable({ header = tableaux.shallow_tcopy(options.header or {}) },
      { __index = options })
    with.header.Authorization = auth.basic(options.auth.username, options.auth.password)
  end
  return message.build_request(method, path, with, {
    ["Host"] = host_field(host, port, scheme),
    ["Connection"] = connection or "close",
    ["User-Agent"] = M.USER_AGENT,
  })
end

local scheme_protocols = { http = "tcp", https = "ssl" }

-- Sends what `text_for(scheme)` gives over plain TCP or TLS, whichever answers. Socket, reader,
-- scheme; or nil, reason.
local function open(host, port, options, text_for)
  local connect_options = {
    timeout = options.timeout, any_af = options.any_af, proto = options.scheme
    and scheme_protocols[options.scheme],
  }
  local socket, data, protocol = comm.tryssl(host, port, function(proto)
    return text_for(proto == "ssl" and "https" or "http")
  end, connect_options)
  if not socket then
    return nil, data
  end
  return socket, message.reader(socket, data), protocol == "ssl" and "https" or "http"
end

local function exchange(host, port, method, path, options)
  local socket, reader, scheme = open(host, port, options, function(scheme)
    return request_text(host, port, method, path, options, scheme)
  end)
  if not socket then
    return failure(reader)
  end
  local limit, cut = limits(options)
  local response, reason, partial = message.read_response(reader, method, limit, cut)
  socket:close()
  if not response then
    return failure(reason, partial)
  end
  response.ssl = scheme == "https"
  return response
end

--- Sends a request of any method and returns the response, without following redirects and without
-- the cache.
function M.generic_request(host, port, method, path, options)
  options = options or {}
  local response = exchange(host, port, method, path, options)
  if response.status == 401 and options.auth and options.auth.digest then
    local header = tableaux.shallow_tcopy(options.header or {})
    header.Authorization = auth.digest(options.auth, method, path, response)
    if header.Authorization then
      local with = setmetatable({ header = header }, { __index = options })
      response = exchange(host, port, method, path, with)
    end
  end
  return response
end

-- Cache -------------------------------------------------------------------------------------------

-- Responses live with the host they came from, so they go when the host is done.
local cache_max = tonumber(stdnse.get_script_args("http.max-cache-size") or "") or 1024 * 1024

local function cache_of(host)
  if type(host) ~= "table" or type(host.registry) ~= "table" then
    return nil
  end
  host.registry.http_cache = host.registry.http_cache or { entries = {}, size = 0 }
  return host.registry.http_cache
end

local function is_plain(options)
  return not (options.content or options.auth or options.cookies or options.header
    and next(options.header))
end

local function cache_key(host, port, method, path, options)
  local number = type(port) == "table" and port.number or port
  return table.concat({ stdnse.get_hostname(host), number, options.scheme or "", method, path },
    " ")
end

local function cached_entry(host, port, method, path, options)
  local cache = cache_of(host)
  if not cache or not is_plain(options) or options.bypass_cache then
    return nil
  end
  local key = cache_key(host, port, method, path, options)
  return cache, key
end

-- Of several scripts that want the same page one asks, the others wait for its answer.
local function through_cache(host, port, method, path, options, ask)
  local cache, key = cached_entry(host, port, method, path, options)
  if not cache then
    return ask()
  end
  local lock = nmap.mutex("http cache " .. tostring(cache) .. key)
  lock "lock"
  local response = cache.entries[key]
  if not response then
    response = ask()
    local size = #(response.body or "") + 500
    if response.status and not options.no_cache and not options.no_cache_body
      and cache.size + size <= cache_max then
      cache.entries[key], cache.size = response, cache.size + size
    end
  end
  lock "done"
  return tableaux.tcopy(response)
end

-- Redirects ---------------------------------------------------------------------------------------

local function port_number(port)
  return type(port) == "table" and port.number or port
end

local function same_host(host, name)
  name = string.lower(name)
  if type(host) ~= "table" then
    return string.lower(tostring(host)) == name
  end
  for _, own in ipairs({ host.ip or "", host.targetname or "", host.name or "" }) do
    own = string.lower(own)
    if own ~= "" and (own == name or own == "www." .. name or "www." .. own == name) then
      return true
    end
  end
  return ipOps.compare_ip(host.ip or "", "eq", name) == true
end

--- A function (parsed URL) -> boolean that lets redirects through: `counter` hops at most (5 when
-- nil), to the same host and port, without user names in them.
function M.redirect_ok(host, port, counter)
  local left = counter or redirects_max
  return function(parsed)
    left = left - 1
    if left < 0 or parsed.userinfo then
      return false
    elseif not parsed.host then
      return true
    end
    return same_host(host, parsed.host) and parsed.port == port_number(port)
  end
end

local redirect_statuses = { [300] = true, [301] = true, [302] = true, [303] = true, [307] = true,
  [308] = true }

--- The absolute URL, parsed, to which a response redirects, or nil.
function M.parse_redirect(host, port, path, response)
  local location = response.header and response.header.location
  if not redirect_statuses[response.status] or not location or location == "" then
    return nil
  end
  local scheme = response.ssl and "https" or "http"
  local base = url.parse(scheme .. "://" .. host_field(host, port, scheme) .. path)
  local target = url.parse(url.absolute(base, location))
  if not target or not target.host then
    return nil
  end
  target.port = target.port or url.get_default_port(target.scheme)
  if target.path == "" then
    target.path = "/"
  end
  return target
end

local function follow_rule(host, port, options)
  local rule = options.redirect_ok
  if rule == false then
    return nil
  elseif type(rule) == "function" then
    rule = rule(host, port)
    return type(rule) == "function" and rule or nil
  end
  return M.redirect_ok(host, port, type(rule) == "number" and rule or nil)
end

local function request_path(target)
  local path = target.path
  if target.params then
    path = path .. ";" .. target.params
  end
  return target.query and path .. "?" .. target.query or path
end

-- A port that speaks one scheme does not speak the other.
local function changes_scheme(target, response, port)
  return target.port == port_number(port) and target.scheme ~= (response.ssl and "https" or "http")
end

local function with_redirects(host, port, method, path, options)
  options = options or {}
  local allowed = follow_rule(host, port, options)
  local location, response = {}, nil
  local here_host, here_port, here_path, here_options = host, port, path, options
  for _ = 0, 20 do
    local h, p, u, o = here_host, here_port, here_path, here_options
    response = through_cache(h, p, method, u, o, function()
      return M.generic_request(h, p, method, u, o)
    end)
    local target = allowed and M.parse_redirect(h, p, u, response)
    if not target or changes_scheme(target, response, p) or not allowed(target) then
      break
    end
    location[#location + 1] = response.header.location
    here_path = request_path(target)
    here_host = same_host(host, target.host) and host or target.host
    if target.port ~= port_number(here_port) or target.scheme ~= (response.ssl and "https"
      or "http") then
      here_port = target.port
      here_options = setmetatable({ scheme = target.scheme }, { __index = options })
    end
  end
  response.location = #location > 0 and location or nil
  return response
end

-- The usual verbs ---------------------------------------------------------------------------------

--- GET, with redirects and the cache.
function M.get(host, port, path, options)
  return with_redirects(host, port, "GET", path, options)
end

--- HEAD, with redirects and the cache.
function M.head(host, port, path, options)
  return with_redirects(host, port, "HEAD", path, options)
end

--- POST of `postdata` (a string, or a table of form fields), without redirects. `_ignored` is there
-- for old callers.
function M.post(host, port, path, options, _ignored, postdata)
  local with = setmetatable({ content = postdata }, { __index = options or {} })
  if type(postdata) == "string" then
    with.header = tableaux.shallow_tcopy((options or {}).header or {})
    with.header["Content-Type"] = with.header["Content-Type"] or "application/x-www-form-urlencoded"
  end
  return M.generic_request(host, port, "POST", path, with)
end

--- PUT of the string `putdata`, without redirects.
function M.put(host, port, path, options, putdata)
  return M.generic_request(host, port, "PUT", path, setmetatable({ content = putdata },
    { __index = options or {} }))
end

--- GET of a whole URL.
function M.get_url(u, options)
  local parsed = url.parse(u)
  if not parsed or not parsed.host then
    return failure("no host in the URL " .. tostring(u))
  end
  local port = { number = parsed.port or url.get_default_port(parsed.scheme or "http") or 80,
    protocol = "tcp" }
  local path = request_path({
    path = parsed.path ~= "" and parsed.path or "/", params = parsed.params, query = parsed.query,
  })
  local with = setmetatable({ scheme = parsed.scheme }, { __index = options or {} })
  return M.get(parsed.ascii_host or parsed.host, port, path, with)
end

-- Pipelining --------------------------------------------------------------------------------------

--- Adds a request to the array `all_requests` (made when nil) and returns the array.
function M.pipeline_add(path, options, all_requests, method)
  all_requests = all_requests or {}
  all_requests[#all_requests + 1] = { path = path, options = options or {}, method = method
    or "GET" }
  return all_requests
end

local function batch_text(host, port, requests, from, to, scheme)
  local out = {}
  for i = from, to do
    local r = requests[i]
    local connection = i == to and "close" or "keep-alive"
    out[#out + 1] = request_text(host, port, r.method, r.path, r.options, scheme, connection)
  end
  return table.concat(out)
end

-- Sends the requests from..to over one connection, by `scheme` when that is known; puts responses
-- into `responses`. Returns how many came; scheme, or why none.
local function run_batch(host, port, requests, from, to, responses, known_scheme)
  local options = setmetatable({ scheme = requests[from].options.scheme or known_scheme },
    { __index = requests[from].options })
  local socket, reader, scheme = open(host, port, options, function(s)
    return batch_text(host, port, requests, from, to, s)
  end)
  if not socket then
    return 0, reader
  end
  local n, why = 0, nil
  for i = from, to do
    local limit, cut = limits(requests[i].options)
    local response, reason, partial = message.read_response(reader, requests[i].method, limit, cut)
    if not response and not partial then
      why = reason
      break
    end
    response = response or failure(reason, partial)
    response.ssl = scheme == "https"
    responses[i] = response
    n = n + 1
    if response.closed ~= false or not response.status then
      break
    end
  end
  socket:close()
  return n, n > 0 and scheme or why
end

-- So many requests in a row may be refused before the server is asked whether it still answers.
local refused_max = 12

local Pipeline = {}
Pipeline.__index = Pipeline

-- The server ended the connection twice instead of an answer: some refuse paths so. Whether that
-- was why shows when it answers something else.
function Pipeline:refuse()
  local response = failure("the server ends the connection")
  response.refused = true
  self.responses[self.at] = response
  self.at, self.tries, self.refused = self.at + 1, 0, self.refused + 1
end

-- Does the server answer to the page that each one has? Then the scheme is known: before, nobody
-- can tell which attempt a reason is of.
function Pipeline:root()
  local n, scheme = run_batch(self.host, self.port, M.pipeline_add("/"), 1, 1, {}, self.scheme)
  self.scheme = n > 0 and scheme or self.scheme
  return n > 0
end

-- Are the latest refusals ones?
function Pipeline:confirm()
  if self.refused > 0 and self:root() then
    self.refused = 0
  end
  return self.refused == 0
end

-- The next batch.
function Pipeline:step()
  local n, why = run_batch(self.host, self.port, self.requests, self.at,
    math.min(#self.requests, self.at + self.batch - 1), self.responses, self.scheme)
  if n > 0 then
    -- a server that answered a whole batch is given larger ones
    self.batch = n == self.batch and math.min(self.batch * 2, 40) or n
    self.scheme, self.at, self.tries, self.refused = why, self.at + n, 0, 0
    return
  end
  stdnse.debug1("pipeline: request %d got no answer: %s", self.at, tostring(why))
  self.batch = 1
  local known = self.scheme ~= nil
  if known or not self:root() then
    self.tries = self.tries + 1
  end
  if known and self.tries == 2 and why ~= "TIMEOUT"
    and (self.refused < refused_max or self:confirm()) then
    self:refuse()
  end
end

--- Sends all requests, several at a time over one connection where the server keeps it open, and
-- returns their responses in the same order. nil when the server answers nothing. One without a
-- status is `refused` when the server ends the connection instead of an answer, and only there.
function M.pipeline_go(host, port, all_requests)
  local run = setmetatable({
    host = host, port = port, requests = all_requests, responses = {}, at = 1, tries = 0,
    refused = 0,
    batch = math.max(1, tonumber(stdnse.get_script_args("http.max-pipeline") or "") or 1),
  }, Pipeline)
  while run.at <= #all_requests and run.tries < 3 do
    run:step()
  end
  if not run:confirm() then
    run.at = run.at - run.refused
  end
  if run.at == 1 then
    return nil
  end
  for i = run.at, #all_requests do
    run.responses[i] = failure("the server stopped answering")
  end
  return run.responses
end

--- The older names of the same.
function M.addPipeline(_host, _port, path, options, _ignored, allReqs, method)
  return M.pipeline_add(path, options, allReqs, method)
end
function M.pGet(_host, _port, path, options, _ignored, allReqs)
  return M.pipeline_add(path, options, allReqs, "GET")
end
function M.pHead(_host, _port, path, options, _ignored, allReqs)
  return M.pipeline_add(path, options, allReqs, "HEAD")
end
M.pipeline = M.pipeline_go

-- Does the page exist? ----------------------------------------------------------------------------

local function random_paths()
  return { "/" .. rand.random_alpha(12), "/" .. rand.random_alpha(8) .. ".php",
    "/" .. rand.random_alpha(6) .. "/" .. rand.random_alpha(8) }
end

--- Finds out what the server says of pages that are not there.
--
-- `true, 404` when it says 404. `true, 200, page` when it answers them all alike with the status
-- 200 (`page` is that answer without dates and paths, for `page_exists`). `true, status` for
-- another status. `false, message` when no answer can be told from another.
function M.identify_404(host, port)
  local status, known
  for _, path in ipairs(random_paths()) do
    local response = M.get(host, port, path, { redirect_ok = false })
    if not response.status then
      return false, "HTTP error: " .. stringaux.trim_end(response["status-line"])
    end
    if response.status == 404 or response.status == 400 or response.status == 410 then
      return true, 404
    elseif status and status ~= response.status then
      return false, "pages that are not there are answered differently each time"
    end
    status = response.status
    if status == 200 then
      local cleaned = page.clean_404(response.body or "")
      if known and known ~= cleaned then
        return false, "pages that are not there are answered with 200 and differently each time"
      end
      known = cleaned
    end
  end
  return true, status, known
end

--- Is a response that of a page which exists? `result_404` and `known_404` come from
-- `identify_404`. A page that wants a login (401) exists, unless
-- pages that are not there want one, too. With `displayall` everything counts
-- that is not answered as missing pages are.
function M.page_exists(data, result_404, known_404, _page, displayall)
  if not data or not data.status then
    return false
  elseif data.status == 200 then
    return result_404 ~= 200 or page.clean_404(data.body or "") ~= known_404
  elseif data.status == 401 then
    return result_404 ~= 401
  end
  return displayall and data.status ~= 404 and data.status ~= result_404 or false
end

--- May HEAD be used instead of GET? It may when the server says 404 properly and answers HEAD for
-- `path` ("/" when nil) with a status of its own. Returns boolean and that response.
function M.can_use_head(host, port, result_404, path)
  if result_404 == 200 then
    return false
  end
  local response = M.head(host, port, path or "/")
  if not response.status then
    return false
  elseif response.status == 302 or response.status == 301 then
    return false, response
  end
  return response.status == 200 and response.header ~= nil, response
end

--- The status of a response as text: "200 OK", or "<unknown status>".
function M.get_status_string(data)
  local line = data and data["status-line"]
  return line and string.match(line, "^HTTP/%S+%s+([^\r\n]*)") or "<unknown status>"
end

--- Notes a page in `nmap.registry.http_pages` for scripts that report all pages of a site.
function M.save_path(host, port, path, status, links_to, linked_from, contenttype)
  local pages = nmap.registry.http_pages or {}
  nmap.registry.http_pages = pages
  local key = stdnse.get_hostname(host) .. ":" .. tostring(port_number(port))
  pages[key] = pages[key] or {}
  local entry = pages[key][path] or { links_to = {}, linked_from = {} }
  pages[key][path] = entry
  entry.status, entry.content_type = status or entry.status, contenttype or entry.content_type
  if links_to then
    table.insert(entry.links_to, links_to)
  end
  if linked_from then
    table.insert(entry.linked_from, linked_from)
  end
end

return M
