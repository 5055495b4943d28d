-- How many of an installed Nmap's scripts load with our nselib alone: lua5.4 load_corpus.lua [-v]
-- [WANTED]
--
-- A script loads when its file runs, as the host would run it, and leaves an action and a rule;
-- every library that it requires must be ours. The host's C modules are stood in for. Prints the
-- counts, with -v what is missing and how often. Exit 0 when at least WANTED load (0 when not
-- given), 1 when fewer, 77 without an installed Nmap.
local here = arg[0]:match("^(.*)/[^/]*$") or "."
local root = here .. "/../../.."
package.path = root .. "/nselib/?.lua;" .. here .. "/?.lua"
local lpeg_cpath = package.cpath

local fake = require "support.fake_nmap"
fake.root = root
package.cpath = ""

local directory
for _, candidate in ipairs({ "/usr/share/nmap/scripts", "/usr/local/share/nmap/scripts" }) do
  local f = io.open(candidate .. "/script.db")
  if f then
    f:close()
    directory = directory or candidate
  end
end
if not directory then
  print("skipped: no Nmap is installed whose scripts could be loaded")
  os.exit(77)
end

-- Modules of C that the host brings along.
local anything = setmetatable({}, {
  __index = function()
    return function() end
  end,
})
for _, name in ipairs({ "openssl", "libssh2", "zlib", "lfs", "nmapdb", "nmap.dnet" }) do
  package.preload[name] = function()
    return anything
  end
  _G[name] = anything
end
local loader = package.searchpath("lpeg", lpeg_cpath)
if loader then
  package.preload.lpeg = package.loadlib(loader, "luaopen_lpeg")
  _G.lpeg = require "lpeg"
end
for _, name in ipairs({ "stdnse", "strict", "tableaux" }) do
  _G[name] = require(name)
end

local function loads(path)
  local env = setmetatable({
    SCRIPT_PATH = path, SCRIPT_NAME = path:match("([^/]+)%.nse$"), categories = {},
    dependencies = {},
  }, { __index = _G })
  local chunk, message = loadfile(path, "t", env)
  if not chunk then
    return false, message
  end
  local ok, why = pcall(chunk)
  if not ok then
    return false, tostring(why)
  end
  local rule = env.prerule or env.hostrule or env.portrule or env.postrule
  return env.action and rule and true or false, "no action or no rule"
end

local core_in = { default = true, discovery = true, version = true, safe = true }
local core_out = {
  brute = true, exploit = true, dos = true, fuzzer = true, intrusive = true, malware = true,
  vuln = true, external = true,
  broadcast = true,
}
local function is_core(categories)
  local inside = false
  for _, name in ipairs(categories) do
    if core_out[name] then
      return false
    end
    inside = inside or core_in[name]
  end
  return inside
end

local verbose = arg[1] == "-v" and table.remove(arg, 1)
local total, loaded, core, core_loaded, reasons = 0, 0, 0, 0, {}
local function entry(e)
  local ok, why = loads(directory .. "/" .. e.filename)
  total, core = total + 1, core + (is_core(e.categories) and 1 or 0)
  if ok then
    loaded, core_loaded = loaded + 1, core_loaded + (is_core(e.categories) and 1 or 0)
    return
  end
  local key = why:match("module '([^']+)' not found")
    or why:match("[^\n]*"):gsub("^.-(%w[%w.-]*:%d+:)", "%1")
  reasons[key] = (reasons[key] or 0) + 1
end
assert(loadfile(directory .. "/script.db", "t", { Entry = entry }))()

if verbose then
  local keys = {}
  for key in pairs(reasons) do
    keys[#keys + 1] = key
  end
  table.sort(keys, function(a, b)
    return reasons[a] > reasons[b] or reasons[a] == reasons[b] and a < b
  end)
  for _, key in ipairs(keys) do
    print(("%4d  %s"):format(reasons[key], key))
  end
end
print(("%d of %d scripts load on our nselib alone; of the %d for inventory %d")
  :format(loaded, total, core, core_loaded))
os.exit(loaded >= (tonumber(arg[1]) or 0) and 0 or 1)
