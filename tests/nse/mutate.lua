-- Runs the tests' recorded exchanges again with mutated answers: lua5.4 tests/nse/mutate.lua
-- [--record TABLE] [FILE...]
--
-- Takes every test whose server says something (without arguments: of tests/nse/lib/test_*.lua and
-- tests/nse/scripts/*.lua), runs it once as it is to learn what it costs, then until
-- MUSTER_MUTATIONS (10) answers of its file were mutated (lib/support/mutate.lua). What the test
-- expects no longer counts. What does: no run may take more than 20 times what the test takes plus
-- a few million instructions, hold more than 48 MiB more, or end in an error of the library's own
-- making, such as arithmetic on nil; an error that the library raises itself, with a text for
-- people, is right. The seed is printed: MUSTER_MUTATE_SEED repeats all, MUSTER_MUTATE_RUN with it
-- one run. --record writes a row for each file into a table (docs/mutations.md). Exit 0: none
-- failed, 1: some did.
local here = arg[0]:match("^(.*)/[^/]*$") or "."
local root = here .. "/../.."
package.path = table.concat({ root .. "/nselib/?.lua", here .. "/lib/?.lua", package.path }, ";")

local digest = require "support.digest"
local fake = require "support.fake_nmap"
local socket = require "support.socket"
local mutate = require "support.mutate"
local record = require "support.mutation_record"
fake.root = root
digest.longest = 4096 -- the host's own are of C, and take no time

local wanted = tonumber(os.getenv("MUSTER_MUTATIONS")) or 10
local seed = tonumber(os.getenv("MUSTER_MUTATE_SEED")) or os.time()
local only_run = tonumber(os.getenv("MUSTER_MUTATE_RUN"))
local step, base_max, slack = 1000, 3000000, 5000000
local kilobytes_more, seconds_max = 48 * 1024, 5

local mutator, answers = mutate.new(seed), 0

-- Assertions that hold whatever is said; what a test hands over is still run.
local lenient = setmetatable({
  throws = function(_, f, ...)
    pcall(f, ...)
  end,
  show = require("support.check").show,
}, { __index = function()
  return function() end
end })

local guard = {}

local function exceeded(what)
  guard.trace = guard.exceeded and guard.trace or debug.traceback(what, 3)
  guard.exceeded = guard.exceeded or what
  error(what, 3)
end

local function tick()
  guard.used = guard.used + step
  if guard.used > guard.max then
    exceeded("ran for more than " .. guard.max .. " instructions")
  elseif os.clock() - guard.clock > seconds_max then
    exceeded("one call took " .. seconds_max .. " s") -- matching a pattern counts no instructions
  elseif guard.used % 100000 == 0 and collectgarbage("count") > guard.kilobytes then
    collectgarbage()
    if collectgarbage("count") > guard.kilobytes then
      exceeded("holds more than " .. guard.kilobytes .. " KiB")
    end
  end
  guard.clock = os.clock()
end

-- Hooks belong to a coroutine: those that a library makes are watched too.
local create = coroutine.create
local function watched(f)
  local thread = create(f)
  debug.sethook(thread, tick, "", step)
  return thread
end
coroutine.create = watched
coroutine.wrap = function(f)
  local thread = watched(f)
  return function(...)
    local function result(ok, ...)
      if not ok then
        error((...), 0)
      end
      return ...
    end
    return result(coroutine.resume(thread, ...))
  end
end

-- One call can ask for gigabytes, between two ticks.
local rep = string.rep
function string.rep(text, n, separator)
  if n > 0 and (#text + #(separator or "")) * (n + 0.0) > kilobytes_more * 1024 then
    exceeded("repeats " .. #text .. " bytes " .. n .. " times")
  end
  return rep(text, n, separator)
end

-- Where an error came from: the innermost function in Lua. Ours: a library or a script.
local function place(level)
  local info = debug.getinfo(level, "Sl")
  while info and info.currentline < 0 do
    level = level + 1
    info = debug.getinfo(level, "Sl")
  end
  local source = info and info.source or ""
  local ours = source:find("/nselib/", 1, true) or not source:find("/", 1, true)
  return ours and source:gsub("^@.*/", "@"):sub(2) .. ":" .. info.currentline
end

local slips = { "attempt to ", "bad argument", "number has no integer representation",
  "stack overflow", "malformed pattern", "invalid capture", "invalid option", "too complex" }

local function slip_of(e)
  local text = type(e) == "table" and e.message or e
  for _, slip in ipairs(slips) do
    if type(text) == "string" and text:find(slip, 1, true) then
      local at = place(4)
      return at and at .. ": " .. text:gsub("^.-:%d+: ", "")
    end
  end
end

local function run(f, max)
  fake.reset()
  guard.used, guard.max, guard.exceeded, guard.trace = 0, max, nil, nil
  guard.clock = os.clock()
  guard.kilobytes = collectgarbage("count") + kilobytes_more
  local started, slip, trace = os.clock(), nil, nil
  debug.sethook(tick, "", step)
  local ok, message = xpcall(f, function(e)
    slip = slip_of(e)
    trace = (slip or guard.exceeded) and debug.traceback(tostring(e), 2)
    return e
  end)
  debug.sethook()
  local took = os.clock() - started
  if took > seconds_max and guard.used < guard.max then
    guard.exceeded = guard.exceeded or ("took %.1f s"):format(took)
  end
  return { ok = ok, message = message, used = guard.used, fault = guard.exceeded or slip,
    trace = guard.exceeded and guard.trace or trace }
end

local function tests_of(path)
  local tests = {}
  local chunk = assert(loadfile(path))
  local ok = pcall(chunk, function(name, f)
    tests[#tests + 1] = { name = name, f = f }
  end, lenient, fake)
  return ok and tests or {}
end

-- Those tests whose servers speak, and that do not themselves try thousands of things.
local function speaking(path)
  local list = {}
  for _, t in ipairs(tests_of(path)) do
    local said = 0
    socket.altered = function(data)
      said = said + 1
      mutator:remember(data)
      return { data }
    end
    t.used = run(t.f, base_max).used
    if said > 0 and t.used <= base_max then
      t.said = said
      list[#list + 1] = t
    end
  end
  return list
end

-- Half of the runs change one answer, so that what follows is reached; the others each second one.
local function altering(t)
  local chosen = mutator:random(2) == 1 and mutator:random(t.said) or nil
  local n = 0
  return function(data)
    n = n + 1
    if chosen and n ~= chosen or not chosen and mutator:random(2) == 1 then
      return { data }
    end
    answers = answers + 1
    return mutator:pieces(data)
  end
end

local faults, faults_n = {}, 0
local function report(path, t, index, got)
  if not faults[got.fault] then
    faults_n = faults_n + 1
    print(("FAILED %s: %s (run %d)\n  %s\n  %s"):format(path:match("[^/]+$"), t.name, index,
      got.fault, (tostring(got.trace):gsub("\n", "\n  "))))
  end
  faults[got.fault] = (faults[got.fault] or 0) + 1
end

local function mutate_file(path)
  mutator.pool = {}
  local tests = speaking(path)
  local first, index = answers, 0
  while #tests > 0 and answers - first < wanted and index < wanted * 10 do
    index = index + 1
    if not only_run or only_run == index then
      mutator:seed(seed * 1000003 + index)
      local t = tests[mutator:random(#tests)]
      socket.altered = altering(t)
      local got = run(t.f, t.used * 20 + slack)
      if got.fault then
        report(path, t, index, got)
      end
    end
  end
  socket.altered = nil
  return tests, answers - first
end

local function libraries_of(tests)
  return record.libraries(function()
    for _, t in ipairs(tests) do
      fake.reset()
      pcall(t.f)
    end
  end)
end

local function list(directory, pattern)
  local files = {}
  for name in io.popen("ls " .. directory):lines() do
    files[#files + 1] = name:find(pattern) and directory .. "/" .. name or nil
  end
  return files
end

local files = { table.unpack(arg) }
local record_path = files[1] == "--record" and table.remove(files, 1) and table.remove(files, 1)
if #files == 0 then
  files = list(here .. "/lib", "^test_.*%.lua$")
  table.move(list(here .. "/scripts", "%.lua$"), 1, 1000, #files + 1, files)
end
print(("seed %d, %d mutated answers a file"):format(seed, wanted))
local mutated, started = 0, os.clock()
for _, path in ipairs(files) do
  local name, faults_before, file_started = path:match("[^/]+$"), faults_n, os.clock()
  local tests, n = mutate_file(path)
  mutated = mutated + (#tests > 0 and 1 or 0)
  if record_path and n >= wanted then
    record.write(record_path, { name = name, answers = n, faults = faults_n - faults_before,
      seed = seed, seconds = os.clock() - file_started, libraries = libraries_of(tests) },
      root .. "/nselib")
  end
  if wanted > 1000 then
    print(("%s: %d answers, %.0f s so far"):format(name, n, os.clock() - started))
    io.stdout:flush()
  end
end
print(("%d mutated answers in %d of %d files, %d kinds of faults, %.1f s"):format(answers, mutated,
  #files, faults_n, os.clock() - started))
os.exit(faults_n > 0 and 1 or 0)
