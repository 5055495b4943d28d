--- A small XML reader: events (`parser`) or a tree (`parseDOM`). It does not validate, knows the
-- five entities of XML and numeric ones, and ignores document types, so nothing outside the text is
-- ever read.
--
-- A tree: the document { type = "document", kids = {...}, root = element }; an element { type =
-- "element", name, nsURI, attr = { { name, value, nsURI }, [name] = value }, kids, el = elements
-- among kids, parent }; texts { type = "text", name = "#text", value }; comments { type =
-- "comment", value }; instructions { type = "pi", name, value }.

local error, ipairs, setmetatable = error, ipairs, setmetatable
local stringaux = require "stringaux"
local string, table, tonumber, utf8 = string, table, tonumber, utf8

local M = {}

local depth_max = 256

local entities = { lt = "<", gt = ">", quot = '"', apos = "'", amp = "&" }

-- (tonumber wraps around beyond 64 bits)
local function hexadecimal(digits)
  digits = string.gsub(digits, "^0+", "")
  return #digits <= 6 and tonumber("0" .. digits, 16) or nil
end

local function numeric(text)
  local code = tonumber(string.match(text, "^#(%d+)$") or "")
    or hexadecimal(string.match(text, "^#x(%x+)$") or "x")
  return code and code <= 0x10ffff and utf8.char(code) or nil
end

local function unescape(str)
  return (string.gsub(str, "&([#%w]+);", function(name)
    return entities[name] or numeric(name)
  end))
end

--- The event reader. Callbacks, all optional: startElement(name, nsURI), attribute(name, value,
-- nsURI), closeElement(name, nsURI), text(text), comment(text), pi(target, content).
M.parser = {}
M.parser.__index = M.parser

function M.parser:new(callbacks)
  return setmetatable({ _call = callbacks or {} }, self)
end

-- Tells an event to whoever wants it; `_call` may be a table that the script set.
local function tell(self, event, ...)
  local callback = self._call[event]
  if callback then
    callback(...)
  end
end

--- The text with its entities replaced.
function M.parser.unescape(str)
  return unescape(str)
end

-- Attributes of a tag's inner text: array of { name, value }, and the rest's end mark.
local function read_attributes(inner)
  local list = {}
  for name, quote, at in string.gmatch(inner,
    "%f[%w_.:%-\x80-\xff]([%a_:\x80-\xff][%w_.:%-\x80-\xff]*)%s*=%s*(['\"])()") do
    local stop = string.find(inner, quote, at, true)
    if not stop then
      break
    end
    list[#list + 1] = { name, unescape(string.sub(inner, at, stop - 1)) }
  end
  return list
end

-- Namespaces in scope: prefix -> URI; each element has a table that looks into its parent's.
local function scope_of(attributes, outer)
  local scope = setmetatable({}, { __index = outer })
  for _, attribute in ipairs(attributes) do
    local prefix = string.match(attribute[1], "^xmlns:?(.*)$")
    if prefix then
      scope[prefix] = attribute[2]
    end
  end
  return scope
end

local function split_name(name)
  local prefix, rest = string.match(name, "^([^:]+):(.+)$")
  return rest or name, prefix or ""
end

local function open_element(self, stack, tag, inner)
  local attributes = read_attributes(inner)
  local outer = stack[#stack] and stack[#stack].scope or {}
  local scope = scope_of(attributes, outer)
  local name, prefix = split_name(tag)
  if #stack >= depth_max then
    error("XML nests too deeply", 0)
  end
  stack[#stack + 1] = { tag = tag, name = name, uri = scope[prefix], scope = scope }
  tell(self, "startElement", name, scope[prefix], prefix ~= "" and prefix or nil)
  for _, attribute in ipairs(attributes) do
    local short, attribute_prefix = split_name(attribute[1])
    local uri = attribute_prefix ~= "" and scope[attribute_prefix] or nil
    tell(self, "attribute", short, attribute[2], uri, attribute_prefix ~= "" and attribute_prefix
      or nil)
  end
end

local function close_element(self, stack, tag)
  for i = #stack, 1, -1 do
    if stack[i].tag == tag then
      -- elements that were left open end here as well
      for j = #stack, i, -1 do
        tell(self, "closeElement", stack[j].name, stack[j].uri)
        stack[j] = nil
      end
      return
    end
  end
end

-- Where the tag that opens at `at` ends; ">" inside quotes does not count.
local function tag_end(xml, at)
  local i = at
  while true do
    local stop = string.find(xml, "['\">]", i)
    if not stop then
      return nil
    end
    local c = string.sub(xml, stop, stop)
    if c == ">" then
      return stop
    end
    i = (string.find(xml, c, stop + 1, true) or #xml) + 1
  end
end

local function text_event(self, text, options)
  if options.stripWhitespace then
    text = stringaux.trim(text)
  end
  if text ~= "" then
    tell(self, "text", text)
  end
end

-- Comments, CDATA, document types, instructions at `at`: position after it, or nil when it is none
-- of them.
local function special(self, xml, at)
  for _, kind in ipairs({ { "^<!%-%-", "-->", "comment" }, { "^<!%[CDATA%[", "]]>", "text" },
    { "^<%?", "?>", "pi" } }) do
    local _, open_end = string.find(xml, kind[1], at)
    if open_end then
      local first, last = string.find(xml, kind[2], open_end + 1, true)
      local inner = string.sub(xml, open_end + 1, (first or #xml + 1) - 1)
      if kind[3] == "pi" then
        tell(self, "pi", string.match(stringaux.trim(inner), "^(%S*)%s*(.*)$"))
      else
        tell(self, kind[3], inner)
      end
      return (last or #xml) + 1
    end
  end
  if string.find(xml, "^<!", at) then
    return (string.find(xml, ">", at, true) or #xml) + 1
  end
end

--- Reads a text and calls the callbacks. `options.stripWhitespace`: without blanks around texts.
-- Throws for what is nested too deeply.
function M.parser:parseSAX(xml, options)
  options = options or {}
  local stack, at = {}, 1
  while at <= #xml do
    local open = string.find(xml, "<", at, true)
    if not open then
      break
    end
    if open > at then
      text_event(self, unescape(string.sub(xml, at, open - 1)), options)
    end
    local after = special(self, xml, open)
    if not after then
      local stop = tag_end(xml, open + 1)
      if not stop then
        break
      end
      local inner = string.sub(xml, open + 1, stop - 1)
      local closing = string.match(inner, "^/%s*([^%s>]+)")
      local tag, rest = string.match(inner, "^([%a_:\x80-\xff][^%s/>]*)(.*)$")
      if closing then
        close_element(self, stack, closing)
      elseif tag then
        open_element(self, stack, tag, rest)
        if string.find(inner, "/%s*$") then
          close_element(self, stack, tag)
        end
      end
      after = stop + 1
    end
    at = after
  end
  for i = #stack, 1, -1 do
    tell(self, "closeElement", stack[i].name, stack[i].uri)
  end
end

--- The tree of a text. `options`: stripWhitespace; simple (no parent links).
function M.parseDOM(xml, options)
  options = options or {}
  local document = { type = "document", name = "#doc", kids = {} }
  local current = document
  local function add(node)
    if not options.simple then
      node.parent = current
    end
    table.insert(current.kids, node)
    return node
  end
  local stack = { document }
  local parser = M.parser:new({
    startElement = function(name, uri)
      local element = add({ type = "element", name = name, nsURI = uri, attr = {}, kids = {},
        el = {} })
      if current == document then
        document.root = document.root or element
      else
        table.insert(current.el, element)
      end
      stack[#stack + 1], current = element, element
    end,
    attribute = function(name, value, uri)
      table.insert(current.attr, { type = "attribute", name = name, value = value, nsURI = uri })
      current.attr[name] = value
    end,
    closeElement = function()
      stack[#stack] = nil
      current = stack[#stack]
    end,
    text = function(text)
      add({ type = "text", name = "#text", value = text })
    end,
    comment = function(text)
      add({ type = "comment", name = "#comment", value = text })
    end,
    pi = function(name, value)
      add({ type = "pi", name = name, value = value })
    end,
  })
  parser:parseSAX(xml, options)
  return document
end

return M
