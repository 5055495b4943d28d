description = [[
Finds web servers that speak WebDAV (RFC 4918), and shows what they allow: methods, the classes of
the protocol, and a listing of the directory where anyone may have it.
]]
---
-- @args http-webdav-scan.path  The directory to ask about ("/").
--
-- @output
-- | http-webdav-scan:
-- |   Allowed Methods: GET,HEAD,POST,OPTIONS,DELETE,PROPFIND,PUT
-- |   Server Type: Apache/2.4.57 (Debian)
-- |   WebDAV type: Unknown
-- |   Directory Listing:
-- |_    /webdav/

author = "Muster"
license = "Apache-2.0"
categories = { "safe", "discovery", "default" }

identity = {}
volatile = { "Server Date" }
finding = { ["Directory Listing"] = "medium" }

local api = require "http.api"
local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"
local stringaux = require "stringaux"

portrule = shortport.http

local listing_max, read_max = 20, 1000

local function listing(host, port, path)
  local response = http.generic_request(host, port, "PROPFIND", path,
    { header = { Depth = "1" }, redirect_ok = false, truncated_ok = true })
  if api.certain(response, "PROPFIND " .. path).status ~= 207 then
    return nil
  end
  local found = {}
  for name, href in (response.body or ""):gmatch("<([%w:]+)%f[^%w:][^<>]*>([^<]*)</") do
    if #found < read_max and name:lower():find("^%w*:?href$") then
      found[#found + 1] = stringaux.trim(href)
    end
  end
  table.sort(found)
  return #found > 0 and { table.unpack(found, 1, listing_max) } or nil
end

-- The methods of a header, sorted, each once: some servers name them in another order each time.
local function sorted(list)
  local methods, seen = {}, {}
  for method in (list or ""):gmatch("[^,%s]+") do
    if not seen[method] then
      seen[method], methods[#methods + 1] = true, method
    end
  end
  table.sort(methods)
  return list and table.concat(methods, ",")
end

-- What is shown: the same with the headers as they are.
local function text_of(output, header)
  local raw = { ["Allowed Methods"] = header.allow, ["Public Options"] = header.public }
  local lines = {}
  for key, value in pairs(output) do
    local is_list = type(value) == "table"
    lines[#lines + 1] = ("\n  %s: %s"):format(key, is_list and "" or raw[key] or value)
    for _, item in ipairs(is_list and value or {}) do
      lines[#lines + 1] = "\n    " .. item
    end
  end
  return table.concat(lines)
end

-- Apache's mod_dav names its own property set among the classes, and sends MS-Author-Via like IIS.
local function kind_of(header)
  if (header.dav or ""):find("apache.org/dav", 1, true) then
    return "Apache DAV"
  end
  if header["ms-author-via"] then
    return "Microsoft"
  end
  return header["x-webdav-status"] and "Other" or "Unknown"
end

function action(host, port)
  local path = stdnse.get_script_args(SCRIPT_NAME .. ".path") or "/"
  local response = api.first_or_refused(host, port, http.generic_request(host, port, "OPTIONS", path,
    { redirect_ok = false }))
  local header = response.header
  if not header or not header.dav then
    return nil
  end
  local output = stdnse.output_table()
  output["Allowed Methods"] = sorted(header.allow)
  output["Public Options"] = sorted(header.public)
  output["Server Type"] = header.server
  output["Server Date"] = header.date
  output["WebDAV type"] = kind_of(header)
  output["Directory Listing"] = listing(host, port, path)
  return output, text_of(output, header)
end
