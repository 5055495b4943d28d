--- Small helpers for strings.

local error = error
local string, table = string, table

local M = {}

--- The strings of the array `list` with `delimiter` between them. `""` for an empty list.
function M.strjoin(delimiter, list)
  return table.concat(list, delimiter)
end

--- `text` without the blanks behind it, or without what else matches `class` ("%z"). Takes time in
-- proportion to the text, which patterns such as "(.-)%s*$" do not: a server that sends a long run of
-- blanks must not hold us up.
function M.trim_end(text, class)
  local pattern, last = "^" .. (class or "%s"), #text
  while last > 0 and string.find(text, pattern, last) do
    last = last - 1
  end
  return string.sub(text, 1, last)
end

--- `text` without the blanks around it.
function M.trim(text)
  local first = string.find(text, "%S")
  return first and M.trim_end(string.sub(text, first)) or ""
end

--- The pieces of `text` between matches of the Lua pattern `pattern`, as an array.
-- Two neighbouring delimiters give an empty piece; a text without any gives itself.
-- Throws when the pattern matches the empty string, because that would never end.
function M.strsplit(pattern, text)
  if string.find("", pattern) then
    error("delimiter matches empty string!", 2)
  end
  local pieces, from = {}, 1
  while true do
    local first, last = string.find(text, pattern, from)
    if not first then
      break
    end
    pieces[#pieces + 1] = string.sub(text, from, first - 1)
    from = last + 1
  end
  pieces[#pieces + 1] = string.sub(text, from)
  return pieces
end

--- A name that is safe as one component of a file name: every byte but letters, digits, `_`, `-`
-- and `.` is written as `%` and two hex digits, and so are the names `.` and `..`.
function M.filename_escape(s)
  if s == "." or s == ".." then
    return (string.gsub(s, "%.", "%%2e"))
  end
  return (string.gsub(s, "[^%w_.-]", function(c)
    return string.format("%%%02x", string.byte(c))
  end))
end

local function either_case(letter)
  return "[" .. string.lower(letter) .. string.upper(letter) .. "]"
end

-- The end of the bracket class that opens at `from` ("]" straight after the opening is a member).
local function class_end(pattern, from)
  local at = from + 1
  if string.sub(pattern, at, at) == "^" then
    at = at + 1
  end
  repeat
    at = at + (string.sub(pattern, at, at) == "%" and 2 or 1)
    if at > #pattern then
      error("malformed pattern (missing ']')", 3)
    end
  until string.sub(pattern, at, at) == "]"
  return at
end

--- A pattern that matches what `pattern` matches, with letters in either case.
-- Escapes (`%a`, `%f[...]`, `%b()`) keep their meaning; sets in brackets stay as they are.
function M.ipattern(pattern)
  local out, at = {}, 1
  while at <= #pattern do
    local c = string.sub(pattern, at, at)
    if c == "%" then
      local escape = string.match(pattern, "^%%b..", at) or string.sub(pattern, at, at + 1)
      out[#out + 1] = escape
      at = at + #escape
    elseif c == "[" then
      local last = class_end(pattern, at)
      out[#out + 1] = string.sub(pattern, at, last)
      at = last + 1
    else
      out[#out + 1] = string.find(c, "%a") and either_case(c) or c
      at = at + 1
    end
  end
  return table.concat(out)
end

return M
