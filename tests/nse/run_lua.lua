-- Runs the Lua tests: lua5.4 tests/nse/run_lua.lua [FILE...]
--
-- Without arguments every tests/nse/lib/test_*.lua and tests/nse/scripts/*.lua. A test file is
-- called with `test, check, fake`: test(name, f) registers a test, `check` holds assertions, `fake`
-- the module nmap that is not one (lib/support/fake_nmap.lua). Each test starts with a fresh fake,
-- and is stopped after 200 million instructions or when Lua holds more than 256 MiB: a library must
-- neither hang nor eat all memory on whatever it is sent. Exit 0: all passed, 1: not, 77: nothing
-- could be tested (the reason is printed).
local here = arg[0]:match("^(.*)/[^/]*$") or "."
local root = here .. "/../.."
package.path = table.concat({ root .. "/nselib/?.lua", here .. "/lib/?.lua", package.path }, ";")

local fake = require "support.fake_nmap"
local check = require "support.check"
fake.root = root

local instructions_max, kilobytes_max = 200000000, 256 * 1024

local function guarded(f)
  local used = 0
  debug.sethook(function()
    used = used + 100000
    if used > instructions_max then
      error("the test ran for more than " .. instructions_max .. " instructions", 2)
    elseif collectgarbage("count") > kilobytes_max then
      collectgarbage()
      if collectgarbage("count") > kilobytes_max then
        error("the test holds more than " .. kilobytes_max .. " KiB", 2)
      end
    end
  end, "", 100000)
  local ok, message = xpcall(f, function(e)
    return type(e) == "table" and (e.message or e) or debug.traceback(tostring(e), 2)
  end)
  debug.sethook()
  return ok, message
end

local function list(directory, pattern)
  local files = {}
  for name in io.popen("ls " .. directory):lines() do
    if name:find(pattern) then
      files[#files + 1] = directory .. "/" .. name
    end
  end
  return files
end

local function run_file(path, totals)
  local function test(name, f)
    fake.reset()
    local ok, message = guarded(f)
    totals.run = totals.run + 1
    if not ok then
      totals.failed = totals.failed + 1
      print(("FAILED %s: %s\n  %s"):format(path:match("[^/]+$"), name, tostring(message):gsub("\n",
        "\n  ")))
    end
  end
  local chunk, message = loadfile(path)
  if not chunk then
    error(message, 0)
  end
  local ok, skipped = pcall(chunk, test, check, fake)
  if not ok then
    totals.failed = totals.failed + 1
    print("FAILED " .. path .. ": " .. tostring(skipped))
  elseif skipped then
    totals.skipped = totals.skipped + 1
    print("skipped " .. path:match("[^/]+$") .. ": " .. skipped)
  end
end

local files = { table.unpack(arg) }
if #files == 0 then
  files = list(here .. "/lib", "^test_.*%.lua$")
  for _, path in ipairs(list(here .. "/scripts", "%.lua$")) do
    files[#files + 1] = path
  end
end
local totals = { run = 0, failed = 0, skipped = 0 }
for _, path in ipairs(files) do
  run_file(path, totals)
end
print(("%d tests in %d files, %d failed"):format(totals.run, #files, totals.failed))
os.exit(totals.failed > 0 and 1 or totals.run == 0 and 77 or 0)
