-- string.find, match, gmatch and gsub as the host has them against Lua's own: `stock` is the table
-- of the latter, `rounds` how many random calls, `seed` of the random numbers.
local stock, rounds, seed = ...
math.randomseed(seed)

local pieces = { "a", "b", "c", ".", "%a", "%A", "%d", "%s", "%w", "%x", "%z", "%p", "%.", "%%",
  "[ab]", "[^a]", "[a-c]", "[%a_]", "[]]", "[^]]", "[a-]", "[%]]", "\0", "[\0-b]", "^", "$", "(",
  ")", "()", "%1", "%2", "%b()", "%bab", "%f[a]", "%f[%z]", "%f[^a]", "]", "\xff", "-", "*" }
local broken = { "%", "[", "[a", "[^", "[%", "%b", "%ba", "%f", "%fa", "%0", "%9", "(((" }
local suffixes = { "", "", "", "*", "+", "-", "?" }
local letters = { "a", "a", "b", "c", "(", ")", "1", " ", "\0", "\xff", ".", "%", "]", "_" }
local replacements = { "", "x", "<%0>", "%1", "%1%1", "%%", "%2", "%", "%x", 7,
  { a = "1", b = 2, c = false }, setmetatable({}, { __index = function(_, k) return k end }),
  { a = {} }, function(...) return select("#", ...) end, function() end,
  function(a) return a end, function() return print end }

local function pick(list)
  return list[math.random(#list)]
end

local function text_of(list, longest)
  local t = {}
  for i = 1, math.random(0, longest) do
    t[i] = pick(list)
  end
  return table.concat(t)
end

local function pattern()
  local t = { math.random(6) == 1 and "^" or "" }
  for _ = 1, math.random(0, 6) do
    local from = math.random(40) == 1 and broken or pieces
    t[#t + 1] = pick(from) .. pick(suffixes)
  end
  t[#t + 1] = math.random(6) == 1 and "$" or ""
  return table.concat(t)
end

local function result(ok, ...)
  local list = table.pack(ok, ...)
  for i = 1, list.n do
    list[i] = math.type(list[i]) == "float" and "float" or tostring(list[i])
  end
  return table.concat(list, "\1", 1, list.n)
end

local function bounds(f, s, p)
  local first, last = f(s, p)
  return first, last
end

local function all_matches(gmatch, ...)
  local all = {}
  for a, b, c in gmatch(...) do
    all[#all + 1] = tostring(a) .. "\2" .. tostring(b) .. "\2" .. tostring(c)
  end
  return table.concat(all, "\1")
end

local calls = {
  find = function(f, s, p, n, plain) return f(s, p, n, plain) end,
  match = function(f, s, p, n) return f(s, p, n) end,
  gmatch = function(f, s, p, n) return all_matches(f, s, p, n) end,
  gsub = function(f, s, p, n, _, repl) return f(s, p, repl, n) end,
}

local function compare(name, ...)
  local theirs = result(pcall(calls[name], stock[name], ...))
  local ours = result(pcall(calls[name], string[name], ...))
  if ours ~= theirs then
    local args = table.pack(...)
    for i = 1, args.n do
      args[i] = stock.format(type(args[i]) == "string" and "%q" or "%s", args[i])
    end
    error(stock.format("%s(%s): %q, but Lua gives %q (seed %d)", name, table.concat(args, ", "),
      ours, theirs, seed), 0)
  end
end

for _ = 1, rounds do
  local s, p = text_of(letters, 24), pattern()
  local n = math.random(3) == 1 and math.random(-30, 30) or nil
  for name in pairs(calls) do
    compare(name, s, p, n, math.random(4) == 1, pick(replacements))
  end
  local ok, captures = pcall(stock.match, s, p) -- asked for no captures, stepped raises for none
  if stepped and (ok or not captures:find("unfinished", 1, true)) then
    local theirs = result(pcall(bounds, stock.find, s, p)):gsub("\1nil\1nil$", "")
    for _, steps in ipairs({ 0, math.random(1, 40) }) do
      local ours = result(pcall(stepped, s, p, steps))
      if theirs ~= ours then
        error(stock.format("stepped(%q, %q, %d): %q, but Lua gives %q", s, p, steps, ours, theirs), 0)
      end
    end
  end
end

-- Limits, arguments, and results that outgrow what fits at hand.
local long = ("ab"):rep(5000)
for _, args in ipairs({
  { "a", ("()"):rep(33) }, { "a", ("()"):rep(32) }, { ("a"):rep(300), ("a?"):rep(199) },
  { ("a"):rep(300), ("a?"):rep(200) }, { ("a"):rep(300), ("a-"):rep(199) .. "$" },
  { ("a"):rep(300), ("a*"):rep(200) }, { long, "a" }, { long, "b", nil, nil, "xyz" },
  { long, "(a)(b)", nil, nil, "%2%1%0%%" }, { long, "x-" }, { 1234, 2 }, { 12, "1", 1.0 },
  { "a", "a", math.mininteger }, { "a", "a", math.maxinteger }, { "", "", 2 }, { "", "" },
  { "abc", "b", 1, true }, { "a\0b", "\0", 1, true }, { "a.b", ".", 2, true }, { "abc", "", 4 },
  { "abc", "", 5 }, { nil, "a" }, { "a" }, { "a", {} }, { "a", "a", "x" }, { "a", "a", 1.5 },
  { "hello", "", nil, nil, "-" }, { "hello", "l*", nil, nil, "-" }, { "a b", "%f[%w]%w+" },
}) do
  for name in pairs(calls) do
    compare(name, table.unpack(args, 1, 5))
    compare(name, args[1], args[2], args[3], args[4], "r")
  end
end
