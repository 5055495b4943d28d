--- Reports of vulnerabilities, all of one shape.
--
--     local report = vulns.Report:new(SCRIPT_NAME, host, port) -- port may be nil
--     local vuln = { title = "...", state = vulns.STATE.NOT_VULN, IDS = { CVE = "CVE-2014-0160" },
--       risk_factor = "High", description = "...", references = { "https://..." } }
--     ...                              -- the check sets vuln.state
--     return report:make_output(vuln)
--
-- Fields of a vulnerability: `title` and `state` (needed), `IDS` (kind -> id), `risk_factor`,
-- `scores` (name -> text), `description`, `dates.disclosure` ({year=, month=, day=}),
-- `check_results`, `exploit_results`, `extra_info` (each a string or an array of strings),
-- `references` (array of URLs).
--
-- Script arguments: `vulns.showall` reports also what is not vulnerable, `vulns.short` makes one
-- line of each host. Every report is kept in `nmap.registry.vulns` for scripts that run at the end
-- (`save_reports`, `find`, `make_output`).

local ipairs, nmap, pairs, select = ipairs, require "nmap", pairs, select
local setmetatable, stdnse, string, table = setmetatable, require "stdnse", string, table
local tostring, type = tostring, type

local M = {}

--- States; they are bits, so that one vulnerability may have several.
M.STATE = { LIKELY_VULN = 0x1, NOT_VULN = 0x2, VULN = 0x4, DoS = 0x8, EXPLOIT = 0x10,
  UNKNOWN = 0x20 }
M.STATE_MSG = {
  [0x01] = "LIKELY VULNERABLE",
  [0x02] = "NOT VULNERABLE",
  [0x04] = "VULNERABLE",
  [0x08] = "VULNERABLE (DoS)",
  [0x0c] = "VULNERABLE (DoS)",
  [0x10] = "VULNERABLE (Exploitable)",
  [0x14] = "VULNERABLE (Exploitable)",
  [0x20] = "UNKNOWN (unable to test)",
}

local show_all, short_form
do
  local all, short = stdnse.get_script_args({ "vulns.showall" }, { "vulns.short" })
  show_all, short_form = all ~= nil and all ~= "false", short ~= nil and short ~= "false"
end

-- Identifiers -------------------------------------------------------------------------------------

local popular = {
  CVE = function(id)
    return "https://cve.mitre.org/cgi-bin/cvename.cgi?name=" .. id
  end,
  BID = function(id)
    return "https://www.securityfocus.com/bid/" .. id
  end,
  OSVDB = function(id)
    return "http://osvdb.org/" .. id
  end,
}

--- Where one reads about an identifier: the URL for a kind ("CVE", "BID", ...) and an id, or nil.
function M.get_popular_link(id_type, id)
  local link = popular[id_type]
  return link and link(tostring(id))
end

--- Makes `callback(id)` give the URL of a kind of identifier. True unless the arguments make no
-- sense.
function M.register_popular_id(id_type, callback)
  if type(id_type) ~= "string" or type(callback) ~= "function" then
    return false
  end
  popular[id_type] = callback
  return true
end

-- Formatting --------------------------------------------------------------------------------------

local function is_vulnerable(vuln)
  return vuln.state & M.STATE.NOT_VULN == 0
end

local function sorted_keys(t)
  local keys = {}
  for k in pairs(t or {}) do
    keys[#keys + 1] = k
  end
  table.sort(keys, function(a, b)
    return tostring(a) < tostring(b)
  end)
  return keys
end

-- "CVE:CVE-2014-0160" for each identifier, sorted by kind.
local function identifiers(vuln)
  local result = {}
  for _, kind in ipairs(sorted_keys(vuln.IDS)) do
    local ids = vuln.IDS[kind]
    for _, id in ipairs(type(ids) == "table" and ids or { ids }) do
      result[#result + 1] = kind .. ":" .. tostring(id)
    end
  end
  return result
end

-- The given references and the links of the identifiers, each once, sorted.
local function references(vuln)
  local seen = {}
  for _, url in ipairs(vuln.references or {}) do
    seen[url] = true
  end
  for _, text in ipairs(identifiers(vuln)) do
    local link = M.get_popular_link(string.match(text, "^(.-):(.*)$"))
    if link then
      seen[link] = true
    end
  end
  return sorted_keys(seen)
end

local function add_lines(lines, indent, value)
  for _, item in ipairs(type(value) == "table" and value or { value }) do
    lines[#lines + 1] = indent .. tostring(item)
  end
end

local function add_section(lines, heading, value)
  if value and (type(value) ~= "table" or #value > 0) then
    lines[#lines + 1] = "  " .. heading .. ":"
    add_lines(lines, "    ", value)
  end
end

local function risk_line(vuln)
  local parts = {}
  if vuln.risk_factor then
    parts[1] = "Risk factor: " .. vuln.risk_factor
  end
  for _, name in ipairs(vuln.risk_factor and sorted_keys(vuln.scores) or {}) do
    parts[#parts + 1] = name .. ": " .. vuln.scores[name]
  end
  return #parts > 0 and "  " .. table.concat(parts, "  ") or nil
end

local function disclosure(vuln)
  local date = vuln.dates and vuln.dates.disclosure
  return date and table.concat({ date.year, date.month, date.day }, "-")
end

local function add_details(lines, vuln)
  lines[#lines + 1] = risk_line(vuln)
  for _, text in ipairs(type(vuln.description) == "table" and vuln.description
    or { vuln.description }) do
    for line in string.gmatch(text .. "\n", "([^\n]*)\n") do
      lines[#lines + 1] = "    " .. line
    end
  end
  local date = disclosure(vuln)
  if date then
    lines[#lines + 1] = "  Disclosure date: " .. date
  end
  add_section(lines, "Check results", vuln.check_results)
  add_section(lines, "Exploit results", vuln.exploit_results)
  add_section(lines, "Extra information", vuln.extra_info)
end

--- The lines of a vulnerability's text, or nil when it has no title, no state, or is not vulnerable
-- and `showall` is false.
function M.format_vuln_table(vuln, showall)
  if type(vuln) ~= "table" or not vuln.title or not vuln.state then
    return nil
  elseif not is_vulnerable(vuln) and not (showall or show_all) then
    return nil
  end
  local lines = { vuln.title, "  State: " .. M.STATE_MSG[vuln.state] }
  local ids = identifiers(vuln)
  if #ids > 0 then
    lines[#lines + 1] = "  IDs:  " .. table.concat(ids, "  ")
  end
  if is_vulnerable(vuln) then
    add_details(lines, vuln)
  end
  local refs = references(vuln)
  if #refs > 0 then
    add_section(lines, "References", refs)
  end
  return lines
end

--- The same as one text.
function M.format_vuln(vuln, showall)
  local lines = M.format_vuln_table(vuln, showall)
  return lines and table.concat(lines, "\n")
end

local function as_array(value)
  if value == nil then
    return nil
  end
  return type(value) == "table" and value or { value }
end

-- The structured form of one vulnerability.
local function structured(vuln)
  local t = stdnse.output_table()
  t.title = vuln.title
  t.state = M.STATE_MSG[vuln.state]
  local ids, refs = identifiers(vuln), references(vuln)
  t.ids = #ids > 0 and ids or nil
  if is_vulnerable(vuln) then
    t.scores = vuln.scores
    t.description = as_array(vuln.description)
    if vuln.dates then
      t.dates = vuln.dates
      t.disclosure = disclosure(vuln)
    end
    t.check_results = as_array(vuln.check_results)
    t.exploit_results = as_array(vuln.exploit_results)
    t.extra_info = as_array(vuln.extra_info)
  end
  t.refs = #refs > 0 and refs or nil
  return t
end

-- Keeping -----------------------------------------------------------------------------------------

local function kept()
  nmap.registry.vulns = nmap.registry.vulns or { reports = {}, last = 0, filters = {} }
  return nmap.registry.vulns
end

-- The key under which a vulnerability stands: its CVE, else any identifier, else a number of ours.
local function key_of(vuln)
  local ids = vuln.IDS or {}
  local best = ids.CVE or ids[sorted_keys(ids)[1] or ""]
  if type(best) == "table" then
    best = best[1]
  end
  if best then
    return tostring(best)
  end
  local store = kept()
  store.last = store.last + 1
  return "NMAP-" .. store.last
end

--- Keeps reports for the end of the run. `filter(vuln)`, when given, says which. Returns a number
-- that stands for the filter in `find`, `make_output` and the like.
function M.save_reports(filter)
  local filters = kept().filters
  filters[#filters + 1] = filter or function()
    return true
  end
  return #filters
end

--- Keeps vulnerabilities of a script, if somebody asked for that (`save_reports`). Returns how
-- many.
function M.add(script_name, ...)
  local n = 0
  for _, vuln in ipairs(#kept().filters > 0 and { ... } or {}) do
    if type(vuln) == "table" and vuln.title and vuln.state then
      vuln.script_name = vuln.script_name or script_name
      table.insert(kept().reports, vuln)
      n = n + 1
    end
  end
  return n
end

local function matches(vuln, filter)
  filter = filter or {}
  if filter.state and vuln.state & filter.state == 0 then
    return false
  elseif filter.hosts_filter and not (vuln.host and filter.hosts_filter(vuln.host)) then
    return false
  elseif filter.ports_filter and not (vuln.port and filter.ports_filter(vuln.port)) then
    return false
  end
  return not filter.id_type or (vuln.IDS or {})[filter.id_type] ~= nil
    and (not filter.id or vuln.IDS[filter.id_type] == filter.id)
end

--- The kept vulnerabilities that the filter numbered `fid` let in and that `selection` fits (fields
-- `state`, `hosts_filter`, `ports_filter`, `id_type`, `id`). nil when there are none.
function M.find(fid, selection)
  local store, result = kept(), {}
  local let_in = store.filters[fid]
  for _, vuln in ipairs(let_in and store.reports or {}) do
    if let_in(vuln) and matches(vuln, selection) then
      result[#result + 1] = vuln
    end
  end
  return #result > 0 and result or nil
end

--- The kept vulnerabilities with an identifier.
function M.find_by_id(fid, id_type, id)
  return M.find(fid, { id_type = id_type, id = id })
end

--- Is an identifier among the kept vulnerabilities, or among those added by `add_ids`?
function M.lookup_id(fid, id_type, id)
  for _, ids in ipairs(kept().ids or {}) do
    if ids[id_type] == id then
      return true
    end
  end
  return M.find_by_id(fid, id_type, id) ~= nil
end

--- Makes identifiers (tables kind -> id) known without a report. Returns how many.
function M.add_ids(_, ...)
  local store = kept()
  store.ids = store.ids or {}
  for _, ids in ipairs({ ... }) do
    table.insert(store.ids, ids)
  end
  return select("#", ...)
end

--- All identifiers of the kept vulnerabilities: kind -> array of ids. nil when there are none.
function M.get_ids(fid)
  local result, any = {}, false
  for _, vuln in ipairs(M.find(fid) or {}) do
    for kind, id in pairs(vuln.IDS or {}) do
      result[kind] = result[kind] or {}
      table.insert(result[kind], id)
      any = true
    end
  end
  return any and result or nil
end

--- The text of the kept vulnerabilities, for a script at the end of the run.
function M.make_output(fid, selection)
  local texts = {}
  for _, vuln in ipairs(M.find(fid, selection) or {}) do
    local text = M.format_vuln(vuln, true)
    if text then
      texts[#texts + 1] = "  " .. string.gsub(text, "\n", "\n  ")
    end
  end
  return #texts > 0 and "\n" .. table.concat(texts, "\n  \n") .. "\n" or nil
end

-- Report ------------------------------------------------------------------------------------------

--- What one script found on one host or port.
M.Report = {}

--- A report of the script `script_name` on `host` and, if it is about one, `port`.
function M.Report:new(script_name, host, port)
  local o = { script_name = script_name, host = host, port = port, entries = {} }
  self.__index = self
  return setmetatable(o, self)
end

--- Makes a kind of identifier known, see `register_popular_id`.
function M.Report:add_popular_id(id_type, callback)
  return M.register_popular_id(id_type, callback)
end

--- Adds vulnerabilities. Returns how many had a title and a state.
function M.Report:add_vulns(...)
  local n = 0
  for _, vuln in ipairs({ ... }) do
    if type(vuln) == "table" and vuln.title and vuln.state then
      vuln.script_name, vuln.host, vuln.port = self.script_name, self.host, self.port
      table.insert(self.entries, vuln)
      M.add(self.script_name, vuln)
      n = n + 1
    end
  end
  return n
end

-- "1.2.3.4:80 VULNERABLE CVE-..." for the argument vulns.short.
local function short_output(report, shown)
  local ids, vulnerable = {}, false
  for _, vuln in ipairs(shown) do
    vulnerable = vulnerable or is_vulnerable(vuln)
    for _, id in ipairs(identifiers(vuln)) do
      ids[#ids + 1] = string.match(id, "^CVE:(.*)$") or id
    end
  end
  local name = report.host and (report.host.targetname or report.host.ip) or ""
  local verdict = vulnerable and "VULNERABLE" or "NOT VULNERABLE"
  return "\n  " .. name .. " " .. verdict .. " " .. table.concat(ids, " ") .. "\n"
end

local function long_output(shown)
  local blocks = {}
  for _, vuln in ipairs(shown) do
    local heading = is_vulnerable(vuln) and "VULNERABLE:" or "NOT VULNERABLE:"
    local lines = { heading, table.unpack(M.format_vuln_table(vuln)) }
    blocks[#blocks + 1] = lines
  end
  local out, last = {}, nil
  for i, lines in ipairs(blocks) do
    if i > 1 then
      out[#out + 1] = "  "
    end
    for j, line in ipairs(lines) do
      if j > 1 or line ~= last then
        out[#out + 1] = "  " .. line
      end
    end
    last = lines[1]
  end
  return "\n" .. table.concat(out, "\n") .. "\n"
end

-- The vulnerable first, in the order in which they were added.
local function shown_entries(entries)
  local shown = {}
  for _, vulnerable in ipairs({ true, false }) do
    for _, vuln in ipairs(entries) do
      if is_vulnerable(vuln) == vulnerable and (vulnerable or show_all) then
        shown[#shown + 1] = vuln
      end
    end
  end
  return shown
end

--- What a script returns: the structured report and its text. nil when there is nothing to say.
-- Vulnerabilities given as arguments are added first.
function M.Report:make_output(...)
  self:add_vulns(...)
  local shown = shown_entries(self.entries)
  if #shown == 0 then
    return nil
  end
  local data = stdnse.output_table()
  for _, vuln in ipairs(shown) do
    data[key_of(vuln)] = structured(vuln)
  end
  return data, short_form and short_output(self, shown) or long_output(shown)
end

return M
