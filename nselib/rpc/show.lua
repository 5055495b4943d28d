--- What NFS tells, as text for people: rights, modes, sizes (RFC 1813). rpc.lua gives it as part of
-- `Util`.

local datetime, ipairs, math, string = require "datetime", ipairs, math, string
local table = table

local M = {}

-- ACCESS3 bits, RFC 1813, section 3.3.4.
local rights = { "Read", "Lookup", "Modify", "Extend", "Delete", "Execute" }

--- The rights of a mask in words: "Read Lookup Modify Extend Delete NoExecute".
function M.format_access(mask)
  local words = {}
  for i, name in ipairs(rights) do
    words[i] = (mask >> i - 1 & 1 == 1 and "" or "No") .. name
  end
  return table.concat(words, " ")
end

-- What the upper bits of a mode say of a file (RFC 1094, section 2.3.5).
local types = { [0x1] = "p", [0x2] = "c", [0x4] = "d", [0x6] = "b", [0x8] = "-", [0xa] = "l",
  [0xc] = "s" }

--- The letter of a file's type; "" for a mode without one, as those of NFS 3 are.
function M.FtypeToChar(mode)
  return types[mode >> 12 & 0xf] or ""
end

--- "rwxr-x---" of a mode (RFC 1813, section 2.5.5).
function M.FpermToString(mode)
  local out, letters = {}, "rwxrwxrwx"
  for i = 1, 9 do
    out[i] = mode >> 9 - i & 1 == 1 and string.sub(letters, i, i) or "-"
  end
  return table.concat(out)
end

--- "2024-01-31T12:00:00" of seconds since 1970.
function M.TimeToString(seconds)
  return datetime.format_timestamp(seconds)
end

--- A size of 64 bits without a sign: in units of 1024 bytes ("12.0"), or for people ("11.8G").
function M.size_text(bytes, human)
  local n = (bytes < 0 and bytes + 2.0 ^ 64 or bytes + 0.0) / 1024
  if not human then
    return ("%.1f"):format(n)
  end
  local units = { "K", "M", "G", "T" }
  local i = 1
  while n >= 1024 and i < #units do
    n, i = n / 1024, i + 1
  end
  return ("%.1f%s"):format(n, units[i])
end

local function used_percent(s)
  local total, free = math.abs(s.tbytes + 0.0), math.abs(s.fbytes + 0.0)
  local used = total - free
  local all = used + math.abs(s.abytes + 0.0)
  return all > 0 and ("%.0f%%"):format(math.ceil(used * 100 / all)) or "-"
end

--- What FsStat gave, as texts: { size, used, available, use }.
function M.calc_fsstat_table(stats, _version, human)
  return { size = M.size_text(stats.tbytes, human),
    used = M.size_text(stats.tbytes - stats.fbytes, human),
    available = M.size_text(stats.abytes, human), use = used_percent(stats) }
end

--- What FsInfo gave: { maxfilesize = text }; what PathConf gave: { linkmax = number }.
function M.calc_fsinfo_table(info)
  return { maxfilesize = M.size_text(info.maxfilesize, true) }
end
function M.calc_pathconf_table(conf)
  return { linkmax = conf.linkmax }
end

return M
