description = [[
Shows the first directory of a Gopher server (RFC 1436): files, directories, searches.
]]
---
-- @args gopher-ls.maxfiles  How many entries are shown (10); below 1 all.
--
-- @output
-- | gopher-ls:
-- | [txt] /hours.txt "When we are open"
-- | [dir] /maps "Maps of the campus"
-- |_Only 10 shown. Use --script-args gopher-ls.maxfiles=-1 to see all.

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = {}
volatile = {}

local asker = require "asker"
local drain = require "drain"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(70, "gopher", "tcp")

-- Types of items, RFC 1436, section 3.8.
local kinds = {
  ["0"] = "txt", ["1"] = "dir", ["2"] = "cso", ["3"] = "err", ["4"] = "bin", ["5"] = "bin",
  ["6"] = "uue", ["7"] = "idx", ["8"] = "tel", ["9"] = "bin", g = "gif", h = "htm", I = "img",
  s = "snd", ["T"] = "tel", ["+"] = "mir",
}

local function items_of(text)
  local lines = {}
  for line in text:gmatch("([^\r\n]+)") do
    local kind, name, selector = line:match("^(%g)([^\t]*)\t([^\t]*)\t[^\t]*\t%d+")
    if kind and kinds[kind] then
      lines[#lines + 1] = ("[%s] "):format(kinds[kind]) .. selector .. ' "' .. name .. '"'
    end
  end
  return lines
end

function action(host, port)
  local answer, reason = drain.all(host, port, "\r\n", { bytes_max = 131072 })
  local lines = items_of(answer or "")
  if #lines == 0 then
    return asker.unanswered(port, { "gopher" }, reason)
  end
  local most = tonumber(stdnse.get_script_args(SCRIPT_NAME .. ".maxfiles") or 10) or 10
  local shown = most < 1 and #lines or math.min(#lines, most)
  local text = "\n" .. table.concat(lines, "\n", 1, shown)
  if shown < #lines then
    text = text .. ("\nOnly %d shown. Use --script-args %s.maxfiles=-1 to see all."):format(shown,
      SCRIPT_NAME)
  end
  return text
end
