description = [[
Looks for applications and directories at the paths where they are usually found, and names what
answers, with its version where the page tells one. Asks some hundred paths.
]]
---
-- The paths come from nselib/data/http-fingerprints.lua, or from a file of the same form.
--
-- @args http-enum.basepath  A directory to put in front of each path ("").
-- @args http-enum.displayall  Show also what is there and cannot be had (403, 500, redirects).
-- @args http-enum.fingerprintfile  Another file of fingerprints.
-- @args http-enum.category  Only fingerprints of this category.
--
-- @output
-- | http-enum:
-- |   /grafana/api/health: Grafana 9.5.2
-- |_  /manager/html: Manager of Apache Tomcat (401 Unauthorized)

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "intrusive", "vuln" }

identity = {}
volatile = {}
finding = "info"

local api = require "http.api"
local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"
local stringaux = require "stringaux"

portrule = shortport.http

local function argument(name)
  return stdnse.get_script_args(SCRIPT_NAME .. "." .. name)
end

local function is_text(value)
  return type(value) == "string"
end

-- What is wrong with a fingerprint; nil: nothing.
local function fault_of(fingerprint)
  if type(fingerprint.probes) ~= "table" or type(fingerprint.matches) ~= "table" then
    return "probes and matches have to be tables"
  end
  for _, match in ipairs(fingerprint.matches) do
    if not is_text(match.output) then
      return "each of the matches has to have an output, a string"
    end
  end
  for _, probe in ipairs(fingerprint.probes) do
    if not is_text(type(probe) == "table" and probe.path or probe) then
      return "each of the probes has to have a path, a string"
    end
  end
end

-- The fingerprints of the file, of one category when that is given; nil, message.
local function load_fingerprints()
  local name = argument("fingerprintfile") or "nselib/data/http-fingerprints.lua"
  local env = setmetatable({ fingerprints = {} }, { __index = _G })
  local chunk, message = loadfile(nmap.fetchfile(name) or name, "t", env)
  if not chunk then
    return nil, "the fingerprints cannot be read: " .. message
  end
  chunk()
  local wanted, kept = argument("category"), {}
  for i, fingerprint in ipairs(env.fingerprints) do
    local fault = fault_of(fingerprint)
    if fault then
      return nil, ("fingerprint %d: %s"):format(i, fault)
    elseif not wanted or fingerprint.category == wanted then
      kept[#kept + 1] = fingerprint
    end
  end
  return kept
end

-- What is to be asked: { path =, method =, matches = }, in the order of the file.
local function probes_of(fingerprints, host, port, missing)
  local base = stringaux.trim_end(argument("basepath") or "", "/")
  base = (base == "" or base:find("^/")) and base or "/" .. base
  local list, use_head = {}, nil
  for _, fingerprint in ipairs(fingerprints) do
    for _, probe in ipairs(fingerprint.probes) do
      probe = type(probe) == "table" and probe or { path = probe }
      local method = (probe.method or "GET"):upper()
      if method == "HEAD" then
        if use_head == nil then
          use_head = http.can_use_head(host, port, missing)
        end
        method = use_head and "HEAD" or "GET"
      end
      list[#list + 1] = { path = base .. probe.path, method = method,
        matches = fingerprint.matches }
    end
  end
  return list
end

-- The responses by "METHOD path"; each is asked for once.
local function ask(host, port, probes)
  local keys, seen, all = {}, {}, nil
  for _, probe in ipairs(probes) do
    local key = probe.method .. " " .. probe.path
    if not seen[key] then
      seen[key], keys[#keys + 1] = true, key
      all = http.pipeline_add(probe.path, { redirect_ok = false, truncated_ok = true }, all,
        probe.method)
    end
  end
  local by_key = {}
  for i, response in ipairs(all and api.all(host, port, all) or {}) do
    by_key[keys[i]] = response
  end
  return by_key
end

local function whole(response)
  return table.concat({ stringaux.trim_end(response["status-line"] or ""),
    table.concat(response.rawheader or {}, "\n"), response.body or "" }, "\n")
end

-- The output of the first match, with its captures in it.
local function recognised(matches, response)
  local text = whole(response)
  for _, match in ipairs(matches) do
    if not (match.dontmatch and match.dontmatch ~= "" and text:find(match.dontmatch)) then
      local captures = { text:match(match.match or "") }
      if captures[1] then
        return (match.output:gsub("\\(%d)", function(n)
          return captures[tonumber(n)] or ""
        end))
      end
    end
  end
end

local function status_note(response)
  return response.status == 200 and "" or (" (%s)"):format(http.get_status_string(response))
end

function action(host, port)
  local fingerprints, message = load_fingerprints()
  if not fingerprints then
    return stdnse.format_output(false, message)
  end
  local ok, missing, known = api.identify_404(host, port)
  if not ok then
    return stdnse.format_output(false, missing)
  end
  local probes = probes_of(fingerprints, host, port, missing)
  local responses = ask(host, port, probes)
  local found, lines, show_all = stdnse.output_table(), {}, argument("displayall")
  for _, probe in ipairs(probes) do
    local path, response = probe.path, responses[probe.method .. " " .. probe.path]
    local text = http.page_exists(response, missing, known, path, show_all)
      and recognised(probe.matches, response)
    if text then
      text = text .. status_note(response)
      lines[#lines + 1] = path .. ": " .. text
      found[path] = found[path] and found[path] .. ", " .. text or text
    end
  end
  if #lines > 0 then
    return found, stdnse.format_output(true, lines)
  end
end
