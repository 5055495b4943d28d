description = [[
Shows the paths that the file /robots.txt of a web server asks crawlers to leave alone.

The first fifteen are shown, all of them with verbosity 2.
]]
---
-- @output
-- | http-robots.txt: 40 disallowed entries (15 shown)
-- | /dir0/ /dir1/ /dir2/ /dir3/ /dir4/ /dir5/ /dir6/ /dir7/
-- |_/dir8/ /dir9/ /dir10/ /dir11/ /dir12/ /dir13/ /dir14/

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = {}
volatile = {}

local http = require "http"
local api = require "http.api"
local nmap = require "nmap"
local shortport = require "shortport"
local string = require "string"
local table = require "table"

portrule = shortport.http

local shown_max = 15
-- A line ends before the word with which it would hold more than so many bytes (blanks not
-- counted).
local line_max = 50

-- The first word behind each "Disallow:", each once (RFC 9309, section 2.2.2).
local function disallowed(body)
  local entries, seen = {}, {}
  for path in string.gmatch(body, "[Dd]isallow:[ \t]*([^%s#]+)") do
    if not seen[path] then
      seen[path] = true
      entries[#entries + 1] = path
    end
  end
  return entries
end

local function in_lines(words)
  local out, length = {}, 0
  for i, word in ipairs(words) do
    length = length + #word
    if i > 1 and length > line_max then
      out[#out + 1] = "\n"
      length = 0
    end
    out[#out + 1] = word .. (i < #words and " " or "")
  end
  return table.concat(out)
end

function action(host, port)
  local response = api.first_or_refused(host, port, http.get(host, port, "/robots.txt"))
  if response.status ~= 200 or not response.body then
    return nil
  end
  local entries = disallowed(response.body)
  if #entries == 0 then
    return nil
  end

  local n = #entries
  local shown = nmap.verbosity() > 1 and n or math.min(n, shown_max)
  local heading = n .. " disallowed " .. (n == 1 and "entry " or "entries ")
  if shown < n then
    heading = heading .. "(" .. shown .. " shown)"
  end
  return heading .. "\n" .. in_lines({ table.unpack(entries, 1, shown) })
end
