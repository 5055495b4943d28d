-- No pattern of our libraries and scripts takes time out of proportion to a text of a peer's: each
-- one that is written out in a call of find, match, gmatch or gsub is tried on long runs of the
-- characters that it repeats, behind what it wants in front of them, and on its beginning many
-- times over. Time is counted in steps of the matcher (engine/script/pattern.h): some for each
-- character where it grows with the text, a thousand where it grows with its square.
-- `root` is the source tree; `steps(text, pattern, name, limit)` the steps that string[name] takes,
-- nil when they are more than limit.
local root, steps = ...

local length <const> = 2048
local too_many <const> = 64 * length

-- The string that begins at `at` in a source, and where it ends.
local function literal(source, at)
  local quote, stop = source:sub(at, at), at + 1
  if quote == "[" then
    stop = select(2, source:find("]]", at, true))
  else
    while source:sub(stop, stop) ~= quote do
      stop = stop + (source:sub(stop, stop) == "\\" and 2 or 1)
    end
  end
  return load("return " .. source:sub(at, stop))(), stop
end

-- The first string among the arguments of a call, whose "(" is at `open`; nil when the call says
-- that it is plain.
local function first_string(source, open)
  local depth, at, first = 1, open + 1, nil
  while depth > 0 and at <= #source do
    local c = source:sub(at, at)
    if c == '"' or c == "'" or source:sub(at, at + 1) == "[[" then
      local text, stop = literal(source, at)
      first, at = first or text, stop
    elseif c == "(" or c == ")" then
      depth = depth + (c == "(" and 1 or -1)
    end
    at = at + 1
  end
  return not source:sub(open, at):find(",%s*true%s*%)") and first or nil
end

-- { pattern, function, line } of each call in a file.
local function patterns_of(path)
  local f <close> = assert(io.open(path))
  local source, list = f:read("a"), {}
  for name, open in source:gmatch("[.:](%l+)()%(") do
    local called = name == "find" or name == "match" or name == "gmatch" or name == "gsub"
    local pattern = called and first_string(source, open)
    if pattern and pcall(string.find, "", pattern) then
      list[#list + 1] = { pattern, name, select(2, source:sub(1, open):gsub("\n", "")) + 1 }
    end
  end
  return list
end

-- A character that a class or a set takes.
local function member(class)
  for c in ("a1 -.;\nAf\0\"<_/:,=("):gmatch(".") do
    if c:find(class) then
      return c
    end
  end
  for byte = 0, 255 do
    if string.char(byte):find(class) then
      return string.char(byte)
    end
  end
end

-- The end of the set that begins at `at`; a "]" straight behind "[" or "[^" is a member of it.
local function set_end(pattern, at)
  at = pattern:sub(at + 1, at + 1) == "^" and at + 2 or at + 1
  repeat
    at = at + (pattern:sub(at, at) == "%" and 2 or 1)
  until pattern:sub(at, at) == "]" or at > #pattern
  return at
end

-- One item of a pattern: a text that it matches ("" for what matches nothing), and what is behind.
local function item_at(pattern, at)
  local c = pattern:sub(at, at)
  local escaped = c == "%" and pattern:sub(at + 1, at + 1)
  if c == "[" then
    local last = set_end(pattern, at)
    return member(pattern:sub(at, last)), last + 1
  elseif escaped == "b" then
    return pattern:sub(at + 2, at + 2), at + 4
  elseif escaped == "f" then
    return "", set_end(pattern, at + 2) + 1
  elseif escaped then
    return escaped:find("%d") and "" or member("%" .. escaped), at + 2
  elseif c == "(" or c == ")" or c == "$" and at == #pattern or c == "^" and at == 1 then
    return "", at + 1
  end
  return c == "." and "\2" or c, at + 1
end

-- Texts that may take long.
local function texts_for(pattern)
  local texts, front, runs, at = {}, "", {}, 1
  while at <= #pattern do
    local c, next_at = item_at(pattern, at)
    local repeated = pattern:match("^[*+-]", next_at)
    if c ~= "" and repeated or pattern:find("^%%b", at) then
      for _, behind in ipairs({ "", "\0", "\1x" }) do
        texts[#texts + 1] = front .. c:rep(length) .. behind
      end
      runs[#runs + 1] = c
    end
    front = front .. (repeated and repeated ~= "+" and "" or c)
    texts[#texts + 1] = front ~= "" and front:rep(length // #front) or nil
    at = next_at + (pattern:find("^[*+?-]", next_at) and 1 or 0)
  end
  for i = 2, #runs do
    texts[#texts + 1] = runs[i - 1]:rep(length // 2) .. runs[i]:rep(length // 2)
    texts[#texts + 1] = (runs[i - 1] .. runs[i]):rep(length // 2)
  end
  return texts
end

local function is_slow(pattern, name)
  for _, text in ipairs(texts_for(pattern)) do
    if not steps(text, pattern, name, too_many) then
      return true
    end
  end
  return false
end

local function what_takes_long_is_found_out()
  for _, slow in ipairs({ "(.-)%s*$", "([%w-]+)=", "<a[^>]*>", ".-.-x", "%b()", "%[(.-)%]" }) do
    assert(is_slow(slow, "gmatch"), slow .. " is not slow")
  end
  for _, fast in ipairs({ "^%s*(%S+)", "%f[%w-]([%w-]+)=", "<a[^<>]*>", "[^\r\n]+", "^(.-)\r\n" }) do
    assert(not is_slow(fast, "gmatch"), fast .. " is slow")
  end
end

local function no_pattern_of_ours_takes_long()
  local n, slow = 0, {}
  local files = io.popen(("find %s/nselib %s/scripts -name '*.lua' -o -name '*.nse'"):format(root,
    root))
  for path in files:lines() do
    for _, found in ipairs(patterns_of(path)) do
      n = n + 1
      if is_slow(found[1], found[2]) then
        slow[#slow + 1] = ("%s:%d: %s %q"):format(path:match("[^/]+$"), found[3], found[2], found[1])
      end
    end
  end
  files:close()
  assert(n > 500, n .. " patterns")
  assert(#slow == 0, table.concat(slow, "\n"))
end

what_takes_long_is_found_out()
no_pattern_of_ours_takes_long()
