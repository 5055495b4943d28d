-- The table of our scripts, made from the scripts themselves: lua5.4 scripts_table.lua
-- [--check MISSING]
--
-- Prints docs/checks.md, or with --check compares it with the file and says what differs. Each
-- script must declare its description, categories, an action and a rule, and what of its output is
-- identity, volatile, and a finding; all but MISSING must have recorded exchanges in
-- tests/nse/scripts. Exit 0, or 1 with what is missing.
local here = arg[0]:match("^(.*)/[^/]*$") or "."
local root = here .. "/../../.."
package.path = root .. "/nselib/?.lua;" .. here .. "/?.lua"
local fake = require "support.fake_nmap"
fake.root = root
local script = require "support.script"

local severities = { info = true, low = true, medium = true, high = true, critical = true }
local faults, unrecorded = {}, {}
local function fault(...)
  faults[#faults + 1] = string.format(...)
end

local function names()
  local list = {}
  for path in io.popen("ls " .. root .. "/scripts/*.nse"):lines() do
    list[#list + 1] = path:match("([^/]+)%.nse$")
  end
  table.sort(list)
  return list
end

local function rules(env)
  local list = {}
  for _, rule in ipairs({ "prerule", "hostrule", "portrule", "postrule" }) do
    list[#list + 1] = env[rule] and rule:gsub("rule$", "") or nil
  end
  return list
end

local function check(name, env)
  if type(env.description) ~= "string" or not env.action or #rules(env) == 0 then
    fault("%s: needs description, action and a rule", name)
  end
  for _, field in ipairs({ "categories", "identity", "volatile" }) do
    if type(env[field]) ~= "table" then
      fault("%s: needs a table `%s`", name, field)
    end
  end
  local finding = env.finding or {}
  for key, severity in pairs(type(finding) == "table" and finding or { finding }) do
    if not severities[severity] then
      fault("%s: `finding` (%s) is one of info, low, medium, high, critical", name, key)
    end
  end
  local f = io.open(root .. "/tests/nse/scripts/" .. name .. ".lua")
  if f then
    f:close()
  else
    unrecorded[#unrecorded + 1] = name
  end
end

-- The first sentence of a description, on one line.
local function summary(text)
  local line = text:gsub("%s+", " "):gsub("^ ", ""):gsub(" $", "")
  return (line:match("^(.-%.) %u") or line):gsub("|", "\\|")
end

-- "medium", or "key: medium" where a result is a weakness only with that key.
local function finding_text(finding)
  if type(finding) ~= "table" then
    return finding or ""
  end
  local list = {}
  for key, severity in pairs(finding) do
    list[#list + 1] = key .. ": " .. severity
  end
  table.sort(list)
  return table.concat(list, ", ")
end

local function cells(name, env)
  return ("| %s | %s | %s | %s | %s | %s | %s |"):format(name, summary(env.description),
    table.concat(env.categories, " "), table.concat(rules(env), " "),
    table.concat(env.identity or {}, ", "), table.concat(env.volatile or {}, ", "),
    finding_text(env.finding))
end

local lines = {
  "# The checks that come with Muster", "",
  "Made from the scripts by `lua5.4 tests/nse/lib/scripts_table.lua`. *identity*: keys of the"
    .. " structured output that tell devices apart; *volatile*: keys that do not count when results"
    .. " are compared (`*`: none does); *finding*: severity of a result. Categories decide what a"
    .. " zone runs.", "",
  "| script | what it tells | categories | rule | identity | volatile | finding |",
  "|---|---|---|---|---|---|---|",
}
local count = 0
for _, name in ipairs(names()) do
  fake.reset()
  local env = script.load(name)
  check(name, env)
  lines[#lines + 1], count = cells(name, env), count + 1
end
lines[#lines + 1] = ""
lines[#lines + 1] = count .. " scripts."
local text = table.concat(lines, "\n") .. "\n"
if arg[1] ~= "--check" then
  io.write(text)
  os.exit(0)
end
local f = io.open(root .. "/docs/checks.md")
if not f or f:read("a") ~= text then
  fault("docs/checks.md is not what the scripts say: lua5.4 tests/nse/lib/scripts_table.lua"
    .. " >docs/checks.md")
end
if #unrecorded > (tonumber(arg[2]) or 0) then
  fault("no recorded exchanges in tests/nse/scripts: %s", table.concat(unrecorded, " "))
end
print(table.concat(faults, "\n"))
print(("%d scripts, %d without recorded exchanges, %d faults"):format(count, #unrecorded, #faults))
os.exit(#faults > 0 and 1 or 0)
