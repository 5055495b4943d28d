--- Icons of web sites.

local api, http, ipairs, page = require "http.api", require "http", ipairs, require "http.page"
local string, url = string, require "url"

local M = {}

local function is_icon(response)
  local kind = response.header and response.header["content-type"] or ""
  return response.status == 200 and response.body and #response.body > 0
    and not string.find(kind, "text/html", 1, true)
end

-- The icon that a page names in <link rel="icon" href="...">, as a path on the same host.
local function linked_icon(host, port)
  local response = http.get(host, port, "/")
  for attributes in string.gmatch(response.body or "", "<%s*[Ll][Ii][Nn][Kk]%f[%s]([^<>]+)>") do
    local rel, href = page.attribute(attributes, "rel"), page.attribute(attributes, "href")
    if rel and href and string.find(string.lower(rel), "icon", 1, true) then
      local parsed = url.parse(url.absolute("http://host/", href))
      return parsed and parsed.host == "host" and parsed.path or nil
    end
  end
end

--- The icon of a site: its bytes and its response, that at the path `given`, else /favicon.ico, else what
-- the page names. nil when there is none.
function M.fetch(host, port, given)
  local linked = not given and linked_icon(host, port) or nil
  for _, path in ipairs({ given or "/favicon.ico", linked }) do
    local response = api.first_or_refused(host, port, http.get(host, port, path))
    if is_icon(response) then
      return response.body, response
    end
  end
end

return M
