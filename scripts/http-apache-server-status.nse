description = [[
Shows the public part of the server-status page of Apache's mod_status: version, age, load.
]]
---
-- @output
-- | http-apache-server-status:
-- |   Heading: Apache Server Status for 192.0.2.1
-- |   Server Version: Apache/2.4.62 (Debian)
-- |_  Server Built: 2024-10-04T15:21:08

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = { "Server Uptime", "Server Load", "Heading", "VHosts" }
finding = "low"

local http = require "http"
local api = require "http.api"
local shortport = require "shortport"
local stdnse = require "stdnse"
local stringaux = require "stringaux"

portrule = shortport.http

local function text_of(html)
  return stringaux.trim((html:gsub("<[^<>]+>", ""):gsub("&amp;", "&"):gsub("&lt;", "<")))
end

-- "<dt>Server Version: Apache</dt>" for each wanted heading.
local function definitions(body)
  local found = {}
  for item in body:gmatch("<dt>([^<]*)</dt>") do
    local name, value = text_of(item):match("^([%w ]+):%s*(.*)$")
    if name then
      found[name] = value
    end
  end
  return found
end

-- What stands in each <tag>...</tag>.
local function elements(html, tag)
  local pieces, list = stringaux.strsplit("</" .. tag .. ">", html), {}
  for i = 1, #pieces - 1 do -- behind the last there is none that ends
    list[#list + 1] = pieces[i]:match("<" .. tag .. "%f[%s>][^<>]*>(.*)$")
  end
  return list
end

local function virtual_hosts(body)
  local hosts, seen = {}, {}
  for _, row in ipairs(elements(body, "tr")) do
    local cells = {}
    for i, cell in ipairs(elements(row, "td")) do
      cells[i] = text_of(cell)
    end
    for i = #cells, math.max(1, #cells - 2), -1 do
      if cells[i]:find("^[%w.%-]+:%d+$") then
        if not seen[cells[i]] then
          seen[cells[i]] = true
          hosts[#hosts + 1] = cells[i]
        end
        break
      end
    end
  end
  table.sort(hosts)
  return hosts
end

function action(host, port)
  local response = api.first_or_refused(host, port, http.get(host, port, "/server-status"))
  local body = response.status == 200 and response.body
  if not body or not body:find("Apache Server Status", 1, true) then
    return nil
  end
  local found = definitions(body)
  local output = stdnse.output_table()
  output.Heading = text_of(body:match("<h1>([^<]*)</h1>") or "Apache Server Status")
  output["Server Version"] = found["Server Version"]
  output["Server Built"] = found["Server Built"]
  output["Server Uptime"] = found["Server uptime"]
  output["Server Load"] = found["Server load"]
  local hosts = virtual_hosts(body)
  if #hosts > 0 then
    output.VHosts = hosts
  end
  return output
end
