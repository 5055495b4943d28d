-- The tables of docs/mutations.md: what a run of mutate.lua did, a row for each file of tests, and
-- from them which files made each library run. A run replaces the rows of its files and leaves the
-- others.
local M = {}

local head = [[
# Mutated answers

What the recorded exchanges of each file of tests did when their answers were changed: bits flipped, cut short, spliced, lengths that lie.
No run hung, held more than 48 MiB more than before, or ended in an error of a library's own making where the column faults says 0. A run
writes its rows itself:

    MUSTER_MUTATIONS=100000 lua5.4 tests/nse/mutate.lua --record docs/mutations.md tests/nse/scripts/ssh-hostkey.lua

The suite runs ten answers of every file, always the same ones.

| tests | answers | faults | seed | CPU s | libraries that ran |
|---|---|---|---|---|---|
]]

local function rows_of(path)
  local rows = {}
  local f = io.open(path)
  if f then
    for line in f:lines() do
      local name = line:match("^| ([%w_.-]+%.lua) |")
      if name then
        rows[name] = line
      end
    end
    f:close()
  end
  return rows
end

--- Names of the libraries in nselib whose functions `f` calls.
function M.libraries(f)
  local seen, names = {}, {}
  debug.sethook(function()
    local name = debug.getinfo(2, "S").source:match("/nselib/(.*)%.lua$")
    if name and not name:find("^data/") and not seen[name] then
      seen[name] = true
      names[#names + 1] = name
    end
  end, "c")
  pcall(f)
  debug.sethook()
  table.sort(names)
  return names
end

-- Libraries that never see what a peer said, and why there is nothing to mutate.
local hears_none = {
  bits = "two operations on integers", brute = "tries accounts; its driver reads the answers",
  irc = "a port rule", listop = "works on lists of its caller's", msrpc = "gathers its parts",
  oops = "chains errors", ["rpc/show"] = "words for numbers that rpc/nfs read",
  ["smb/interfaces"] = "a table of numbers and names", ["smb/status"] = "a table of numbers and names",
  strict = "watches globals", ["tls/registry"] = "tables of numbers and names",
  unittest = "runs tests", unpwdb = "reads our own lists of names",
}

-- For each library in nselib the files that made its functions run, three of them by name.
local function library_table(rows, names, libraries)
  local lines = { "", "## Libraries", "", "| library | files | of them |", "|---|---|---|" }
  for _, library in ipairs(libraries) do
    local files = {}
    for _, name in ipairs(names) do
      local ran = " " .. rows[name]:match("([^|]*) |$") .. " "
      if ran:find(" " .. library .. " ", 1, true) then
        files[#files + 1] = name
      end
    end
    local none = #files == 0 and hears_none[library]
    lines[#lines + 1] = ("| %s | %s | %s |"):format(library, none and "-" or #files,
      none and "hears no peer: " .. none or table.concat(files, " ", 1, math.min(#files, 3)))
  end
  return table.concat(lines, "\n") .. "\n"
end

local function libraries_in(directory)
  local names = {}
  for path in io.popen("cd " .. directory .. " && find . -name '*.lua' ! -path './data/*'"):lines() do
    names[#names + 1] = path:match("^%./(.*)%.lua$")
  end
  table.sort(names)
  return names
end

--- Writes the row of one file: { name =, answers =, faults =, seed =, seconds =, libraries = {} }.
-- `directory`: nselib's.
function M.write(path, row, directory)
  local rows, names = rows_of(path), {}
  rows[row.name] = ("| %s | %d | %d | %d | %.0f | %s |"):format(row.name, row.answers, row.faults,
    row.seed, row.seconds, table.concat(row.libraries, " "))
  for name in pairs(rows) do
    names[#names + 1] = name
  end
  table.sort(names)
  local f = assert(io.open(path, "w"))
  f:write(head)
  for _, name in ipairs(names) do
    f:write(rows[name], "\n")
  end
  f:write(library_table(rows, names, libraries_in(directory)))
  assert(f:close())
end

return M
