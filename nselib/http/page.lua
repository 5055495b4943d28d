--- What stands in HTTP responses: dates, forms, pages that say "not found" with the status 200.

local ipairs, string, table, tonumber = ipairs, string, table, tonumber

local M = {}

local months = { jan = 1, feb = 2, mar = 3, apr = 4, may = 5, jun = 6, jul = 7, aug = 8, sep = 9,
  oct = 10, nov = 11, dec = 12 }

-- RFC 9110, section 5.6.7: IMF-fixdate, the obsolete RFC 850 form, asctime.
local date_forms = {
  { "^%a%a%a, (%d%d) (%a%a%a) (%d%d%d%d) (%d%d):(%d%d):(%d%d) GMT$", { "day", "month", "year",
  "hour", "min", "sec" } },
  { "^%a+, (%d%d)%-(%a%a%a)%-(%d%d) (%d%d):(%d%d):(%d%d) GMT$", { "day", "month", "year", "hour",
  "min", "sec" } },
  { "^%a%a%a (%a%a%a) +(%d+) (%d%d):(%d%d):(%d%d) (%d%d%d%d)$", { "month", "day", "hour", "min",
  "sec", "year" } },
}

--- The date table (year, month, day, hour, min, sec; UTC) of an HTTP date, or nil.
function M.parse_date(text)
  for _, form in ipairs(date_forms) do
    local found = { string.match(text, form[1]) }
    if #found > 0 then
      local date = { isdst = false }
      for i, field in ipairs(form[2]) do
        date[field] = field == "month" and months[string.lower(found[i])] or tonumber(found[i])
      end
      if date.year < 100 then
        date.year = date.year + (date.year < 70 and 2000 or 1900)
      end
      return date.month and date or nil
    end
  end
  return nil
end

local function either_case(name)
  return (string.gsub(name, "%a", function(c)
    return "[" .. string.lower(c) .. string.upper(c) .. "]"
  end))
end

--- A Lua pattern for the tag `tag`, in either case, with its attributes as the first capture.
-- `endtag` is not nil: for the whole element, with its content as the second capture.
function M.tag_pattern(tag, endtag)
  local name = either_case(tag)
  if endtag then
    return "<%s*" .. name .. "%f[%s/>]([^<>]*)>(.-)<%s*/%s*" .. name .. "%s*>"
  end
  return "<%s*" .. name .. "%f[%s/>]([^<>]*)>"
end

--- The value of an attribute in the text between `<` and `>` of a tag, or nil. A value without
-- quotes ends at a blank.
function M.attribute(text, name)
  text = " " .. text
  for key, after in string.gmatch(text, "%f[^%s\"'/]([^%s=>\"'/]+)()") do
    if string.lower(key) == name then
      local quote, from = string.match(text, "^%s*=%s*([\"'])()", after)
      if quote then
        return string.match(text, "^(.-)" .. quote, from) or string.sub(text, from)
      end
      return string.match(text, "^%s*=%s*([^%s>\"']+)", after) or ""
    end
  end
end

--- The texts of all forms of a page, each with its tags.
function M.grab_forms(body)
  local forms, at = {}, 1
  local open, close = "<%s*" .. either_case("form") .. "%f[%s/>]", "</%s*" .. either_case("form")
    .. "%s*>"
  while true do
    local first = string.find(body, open, at)
    if not first then
      return forms
    end
    local _, last = string.find(body, close, first)
    last = last or #body
    forms[#forms + 1] = string.sub(body, first, last)
    at = last + 1
  end
end

local function add_field(form, tag, attributes)
  local name = M.attribute(attributes, "name")
  if not name then
    return
  end
  local field = { name = name, value = M.attribute(attributes, "value") }
  if tag == "input" then
    field.type = string.lower(M.attribute(attributes, "type") or "text")
  else
    field.type = tag
  end
  form.fields[#form.fields + 1] = field
end

--- A form taken apart: `action`, `method` (lower case), `enctype` and `fields`, an array of { name,
-- type, value }. nil when the text has no form tag.
function M.parse_form(text)
  local head = string.match(text, M.tag_pattern("form"))
  if not head then
    return nil
  end
  local method = M.attribute(head, "method")
  local form = {
    action = M.attribute(head, "action"),
    method = method and string.lower(method),
    enctype = M.attribute(head, "enctype"),
    fields = {},
  }
  for tag, attributes in string.gmatch(text, "<%s*(%a+)%f[%A]([^<>]*)>") do
    tag = string.lower(tag)
    if tag == "input" or tag == "textarea" or tag == "select" or tag == "button" then
      add_field(form, tag, attributes)
    end
  end
  return form
end

--- A page without what changes from one answer to the next: dates, times, the time it took, hosts'
-- own URLs. What repeats at the begin of a pattern starts at a frontier: else a long run of such
-- characters would be tried from each of them.
function M.clean_404(body)
  local patterns = {
    "%d%d?:%d%d:%d%d", "%d%d?:%d%d", "[AP]M", "%d%d%d%d[-/]%d%d?[-/]%d%d?",
    "%d%d?[-/%.]%d%d?[-/%.]%d%d%d%d",
    "%a%a%a,? %d%d? %a%a%a %d%d%d%d", "%a%a%a %a%a%a +%d%d? %d%d%d%d", "%f[%d.][%d.]*%d ?sec%a*",
    "%f[%d.][%d.]*%d ?ms",
    "%f[%w%-_.~/%%][%w%-_.~/]*%%[%w%-_.~/%%]*", "/[%w%-_.~/%%]+",
  }
  for _, pattern in ipairs(patterns) do
    body = string.gsub(body, pattern, "")
  end
  return body
end

--- Does a response contain `pattern` (a Lua pattern) in its status line, a header or its body? Case
-- counts only when `case_sensitive`. Returns true and the captures (the whole match when there are
-- none), or false.
function M.response_contains(response, pattern, case_sensitive)
  if not case_sensitive then
    pattern = string.gsub(pattern, "%%?%a", function(c)
      return #c == 1 and string.lower(c) or c
    end)
  end
  local function search(text)
    local found = { string.match(case_sensitive and text or string.lower(text), pattern) }
    return #found > 0 and found or nil
  end
  local found = response["status-line"] and search(response["status-line"])
  for _, line in ipairs(not found and response.rawheader or {}) do
    found = found or search(line)
  end
  found = found or response.body and search(response.body)
  if found then
    return true, found
  end
  return false
end

return M
