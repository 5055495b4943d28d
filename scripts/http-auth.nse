description = [[
Shows the authentication that a web server asks for: scheme, realm, and the other parameters of
the challenge.
]]
---
-- @args http-auth.path  The page to ask for ("/").
--
-- @output
-- | http-auth:
-- | HTTP/1.1 401 Unauthorized
-- |_  Basic realm=Router login

author = "Muster"
license = "Apache-2.0"
categories = { "default", "auth", "safe" }

-- The realm of an appliance often is its model.
identity = {}
volatile = { "nonce", "opaque" }

local http = require "http"
local api = require "http.api"
local shortport = require "shortport"
local stdnse = require "stdnse"
local stringaux = require "stringaux"

portrule = shortport.http

-- realm first, the others by name.
local function parameters_text(params)
  local names = {}
  for name in pairs(params) do
    if name ~= "realm" then
      names[#names + 1] = name
    end
  end
  table.sort(names, function(a, b)
    return tostring(a) < tostring(b)
  end)
  if params.realm then
    table.insert(names, 1, "realm")
  end
  local out = {}
  for _, name in ipairs(names) do
    out[#out + 1] = (type(name) == "string" and name .. "=" or "") .. params[name]
  end
  return table.concat(out, " ")
end

function action(host, port)
  local path = stdnse.get_script_args(SCRIPT_NAME .. ".path") or "/"
  local response = api.first(port, http.get(host, port, path, { redirect_ok = false }))
  if response.status ~= 401 then
    return nil
  end
  local status_line = stringaux.trim_end(response["status-line"]) .. "\r"
  local challenges = http.parse_www_authenticate(response.header["www-authenticate"] or "")
  if not challenges then
    return nil, "\n" .. status_line .. "\n  Server returned no authentication headers."
  end
  -- the status line keeps its line end, as tools know it from nmap
  local data, lines = {}, { "", status_line }
  for _, challenge in ipairs(challenges) do
    local item = stdnse.output_table()
    item.scheme = challenge.scheme
    item.params = challenge.params
    data[#data + 1] = item
    lines[#lines + 1] = stringaux.trim_end("  " .. challenge.scheme .. " "
      .. parameters_text(challenge.params))
  end
  return data, table.concat(lines, "\n") .. "\n"
end
