--- A crawler for one web site: follows links within the host, to a depth and a number of pages.
--
--     local crawler = httpspider.Crawler:new(host, port, "/", { scriptname = SCRIPT_NAME })
--     crawler:set_timeout(10000)
--     while true do
--       local status, r = crawler:crawl()
--       if not status then break end
--       ... r.url, r.response ...
--     end
--
-- Script arguments: httpspider.maxdepth (3; -1 for no limit), httpspider.maxpagecount (20),
-- httpspider.url, httpspider.withinhost (true), httpspider.withindomain, httpspider.noblacklist,
-- httpspider.useheadfornonwebfiles.

local http, ipairs, page, pairs = require "http", ipairs, require "http.page", pairs
local setmetatable, stdnse, string, table = setmetatable, require "stdnse", string, table
local tonumber, tostring, type, url = tonumber, tostring, type, require "url"

local M = {}

--- What a crawler keeps to. `withinhost` and `withindomain` may be functions (url) -> boolean.
M.Options = {}
M.Options.__index = M.Options

function M.Options:new(options)
  local o = { timeout = 10000 }
  for key, value in pairs(options or {}) do
    o[key] = value
  end
  return setmetatable(o, self)
end

--- A URL: `M.URL:new("http://h/x")`; `tostring` gives it back.
M.URL = {}
M.URL.__index = M.URL

function M.URL:new(text)
  local parsed = url.parse(text) or {}
  local path = parsed.path and parsed.path ~= "" and parsed.path or "/"
  return setmetatable({
    raw = text,
    proto = parsed.scheme,
    host = parsed.host,
    port = parsed.port or url.get_default_port(parsed.scheme),
    path = path,
    file = parsed.query and path .. "?" .. parsed.query or path,
    dir = string.match(path, "^(.*/)") or "/",
    domain = string.match(parsed.host or "", "%.(.+%..+)$"),
    query = parsed.query,
  }, self)
end
function M.URL:getProto()
  return self.proto
end
function M.URL:getHost()
  return self.host
end
function M.URL:getPort()
  return self.port
end
function M.URL:getPath()
  return self.path
end
function M.URL:getFile()
  return self.file
end
function M.URL:getQuery()
  return self.query
end
function M.URL:getDir()
  return self.dir
end
function M.URL:getDomain()
  return self.domain
end
function M.URL:__tostring()
  return self.raw
end
M.URL.__eq = function(a, b)
  return tostring(a) == tostring(b)
end

-- Links -------------------------------------------------------------------------------------------

--- The links of a page.
M.LinkExtractor = {}
M.LinkExtractor.__index = M.LinkExtractor

function M.LinkExtractor:new(base, body, options)
  return setmetatable({ url = base, body = body or "", options = options or {}, links = nil }, self)
end

--- Is it a link that a crawler can follow?
function M.LinkExtractor.isValid(_, link)
  return type(link) == "string" and link ~= "" and not string.find(link, "^%s*#")
    and not string.find(string.lower(link), "^%s*[%a+]+:%f[^/:]")
      or string.find(link or "", "^https?://") ~= nil
end

local link_attributes = { a = "href", link = "href", area = "href", img = "src", script = "src",
  frame = "src",
  iframe = "src", form = "action", embed = "src", source = "src" }

--- Absolute URLs of the links, each once: an array of texts.
function M.LinkExtractor:getLinks()
  if self.links then
    return self.links
  end
  self.links = {}
  local seen = {}
  for tag, attributes in string.gmatch(self.body, "<%s*(%a+)%f[%s]([^<>]*)>") do
    local name = link_attributes[string.lower(tag)]
    local link = name and page.attribute(attributes, name)
    if link and self:isValid(link) then
      local absolute = string.gsub(url.absolute(tostring(self.url),
        (string.gsub(link, "&amp;", "&"))), "#.*$", "")
      if not seen[absolute] then
        seen[absolute] = true
        self.links[#self.links + 1] = absolute
      end
    end
  end
  return self.links
end

-- Crawler -----------------------------------------------------------------------------------------

M.Crawler = {}
M.Crawler.__index = M.Crawler

local other_files = {
  "gif", "jpe?g", "png", "ico", "bmp", "svg", "webp", "mp3", "mp4", "avi", "mpe?g", "wav", "flv",
  "webm", "pdf", "docx?",
  "xlsx?", "pptx?", "zip", "g?z", "bz2", "rar", "7z", "tar", "exe", "msi", "iso", "jar", "css",
  "woff2?", "ttf", "eot",
}

local function is_other_file(path)
  local extension = string.match(string.lower(path), "%.(%w+)$")
  for _, pattern in ipairs(extension and other_files or {}) do
    if string.find(extension, "^" .. pattern .. "$") then
      return true
    end
  end
  return false
end

local function number_argument(script, name, given, default)
  if given ~= nil then
    return tonumber(given)
  end
  local value = stdnse.get_script_args((script or "") .. "." .. name, "httpspider." .. name)
  return tonumber(value or "") or default
end

--- A crawler that begins at `path`. `options`: scriptname, maxdepth, maxpagecount, withinhost,
-- withindomain, noblacklist, redirect_ok, url_filter.
function M.Crawler:new(host, port, path, options)
  options = M.Options:new(options)
  local script = options.scriptname
  local o = setmetatable({
    host = host, port = port, options = options, queue = {}, seen = {}, fetched = 0,
    maxdepth = number_argument(script, "maxdepth", options.maxdepth, 3),
    maxpagecount = number_argument(script, "maxpagecount", options.maxpagecount, 20),
  }, self)
  local scheme = type(port) == "table" and port.version and port.version.service_tunnel == "ssl"
    and "https" or "http"
  if type(port) == "table" and (port.number == 443 or port.number == 8443
    or port.service == "https") then
    scheme = "https"
  end
  local number = type(port) == "table" and port.number or port
  local first = stdnse.get_script_args((script or "") .. ".url", "httpspider.url") or path or "/"
  o.base = scheme .. "://" .. stdnse.get_hostname(host) .. ":" .. number
  o:add(string.find(first, "^https?://") and first or o.base .. first, 0)
  return o
end

--- Milliseconds for each page.
function M.Crawler:set_timeout(timeout)
  self.options.timeout = timeout
end

--- The limits as a text.
function M.Crawler:getLimitations()
  local limits = {}
  for _, name in ipairs({ "maxdepth", "maxpagecount" }) do
    if self[name] > 0 then
      limits[#limits + 1] = name .. "=" .. self[name]
    end
  end
  if self.options.withinhost ~= false then
    limits[#limits + 1] = "withinhost=" .. stdnse.get_hostname(self.host)
  end
  return "Spidering limited to: " .. table.concat(limits, "; ")
end

local function within(self, link)
  if type(link) == "string" then
    link = M.URL:new(link)
  end
  local rule = self.options.withinhost
  if type(rule) == "function" then
    return rule(link)
  elseif rule == false then
    return true
  end
  local number = type(self.port) == "table" and self.port.number or self.port
  return link.host == nil or link.host == stdnse.get_hostname(self.host)
    and (link.port or number) == number
end

--- Adds a page to be fetched.
function M.Crawler:add(text, depth)
  local link = M.URL:new(text)
  if self.seen[text] or #self.queue + self.fetched > 10000 then
    return
  elseif self.maxdepth >= 0 and depth > self.maxdepth then
    return
  elseif not within(self, link) then
    return
  elseif not self.options.noblacklist and is_other_file(link.path) then
    return
  end
  self.seen[text] = true
  table.insert(self.queue, { url = link, depth = depth })
end

--- Fetches the next page: `true, { url, response, links }`, or `false, { err = true, reason }` when
-- nothing is left.
function M.Crawler:crawl()
  while true do
    local item = table.remove(self.queue, 1)
    if not item or self.stopped or self.maxpagecount > 0 and self.fetched >= self.maxpagecount then
      return false, { err = false, reason = "nothing is left to crawl" }
    end
    self.fetched = self.fetched + 1
    local response = http.get(self.host, self.port, item.url.file, {
      timeout = self.options.timeout, redirect_ok = self.options.redirect_ok,
      scheme = item.url.proto, truncated_ok = true,
    })
    if response.status then
      local extractor = M.LinkExtractor:new(item.url, response.body, self.options)
      for _, link in ipairs(extractor:getLinks()) do
        self:add(link, item.depth + 1)
      end
      return true, { url = item.url, response = response, links = extractor:getLinks(),
        depth = item.depth }
    end
  end
end

--- Is a file of the kind `extension`?
function M.Crawler.isresource(_, path, extension)
  return string.find(string.lower(tostring(path)), "%." .. string.lower(extension) .. "$") ~= nil
end
function M.Crawler:iswithindomain(link)
  return within(self, link)
end
M.Crawler.iswithinhost = M.Crawler.iswithindomain

--- No further pages.
function M.Crawler:stop()
  self.stopped = true
end

return M
