--- Patterns for LPeg that many grammars need, and the reader of service fingerprints.

local pairs, print, string, table = pairs, print, string, table
local tonumber, tostring = tonumber, tostring
local lpeg = require "lpeg"

local M = {}

local P, R, S, V, C, Ct = lpeg.P, lpeg.R, lpeg.S, lpeg.V, lpeg.C, lpeg.Ct

--- A pattern that finds the first match of `patt` wherever it is.
function M.anywhere(patt)
  return P({ patt + 1 * V(1) })
end

--- A pattern that matches `literal` in either case.
function M.caseless(literal)
  local result = P(true)
  for c in string.gmatch(literal, ".") do
    result = result * (S(string.lower(c) .. string.upper(c)))
  end
  return result
end

--- A pattern that matches `patt` where a word begins (a letter, after none).
function M.atwordboundary(patt)
  local letter = R("az", "AZ")
  return P({ patt + letter ^ 0 * (1 - letter) ^ 1 * V(1) })
end

--- Splits `str` at the pattern `sep` (a string or a pattern): an array.
function M.split(str, sep)
  sep = P(sep)
  local piece = C((1 - sep) ^ 0)
  return lpeg.match(Ct(piece * (sep * piece) ^ 0), str)
end

--- A pattern of a quoted text, which captures what stands between the quotes. Inside, `esc` (a
-- backslash) takes its special meaning from the quote (a double quote) and from itself; before
-- other bytes it stays.
function M.escaped_quote(quot, esc)
  quot, esc = P(quot or '"'), P(esc or "\\")
  local body = (esc / "" * (quot + esc) + (1 - quot)) ^ 0
  return quot * lpeg.Cs(body) * quot
end

--- Names for the upper-case locale classes: the grammar with `alpha`, `digit`, `space` and so on,
-- as `lpeg.locale` makes them, so that `V "space"` can be used in it. Returns the grammar.
function M.localize(grammar)
  return lpeg.locale(grammar)
end

--- The grammar with every rule announced through `printer` when it is tried and when it matched.
function M.debug(grammar, printer)
  printer = printer or print
  for name, patt in pairs(grammar) do
    if name ~= 1 then
      local function announce(word)
        return lpeg.Cmt(true, function(_, at)
          printer(word .. " " .. tostring(name) .. " at " .. at)
          return true
        end)
      end
      grammar[name] = announce("enter") * patt * announce("leave")
    end
  end
  return grammar
end

-- Fingerprints ------------------------------------------------------------------------------------

local escapes = { n = "\n", r = "\r", t = "\t", ["0"] = "\0" }

local function unescape(text)
  local out, at = {}, 1
  while at <= #text do
    local c = string.sub(text, at, at)
    local hex = string.match(text, "^\\x(%x%x)", at)
    if hex then
      out[#out + 1], at = string.char(tonumber(hex, 16)), at + 4
    elseif c == "\\" then
      local escaped = string.sub(text, at + 1, at + 1)
      out[#out + 1], at = escapes[escaped] or escaped, at + 2
    else
      out[#out + 1], at = c, at + 1
    end
  end
  return table.concat(out)
end

local fp_response = '%%r%(([^,%%(]+),(%x+),"'

--- The responses in a service fingerprint (`port.version.service_fp`): probe name -> bytes. An
-- empty table when the text is no fingerprint.
function M.parse_fp(fp)
  local result = {}
  local text = string.gsub(fp or "", "\n?\nSF:", "")
  local first, last, probe, length = string.find(text, fp_response)
  while first do
    local stop = string.find(text, '")', last + 1, true)
    if not stop then -- nor is there one for those that follow
      break
    end
    result[probe] = string.sub(unescape(string.sub(text, last + 1, stop - 1)), 1,
      tonumber(length, 16))
    first, last, probe, length = string.find(text, fp_response, stop + 2)
  end
  return result
end

--- The response to one probe ("NULL", "GetRequest", ...) in a service fingerprint, or nil.
function M.get_response(fp, probe)
  return M.parse_fp(fp)[probe]
end

return M
