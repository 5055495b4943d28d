--- Dates, spans of time and clock skew. Times are seconds since 1970, UTC.

local ipairs, math, nmap, os = ipairs, math, require "nmap", os
local pairs, pcall, string, table, type = pairs, pcall, string, table, type

local M = {}

-- Days from 1970-01-01 to the given day of the Gregorian calendar (years from March, 400-year
-- cycles).
local function days_from_civil(year, month, day)
  if month <= 2 then
    year = year - 1
  end
  local era = year // 400
  local year_of_era = year - era * 400
  local day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
  local leap_days = year_of_era // 4 - year_of_era // 100
  return era * 146097 + year_of_era * 365 + leap_days + day_of_year - 719468
end

--- The difference between local time and UTC at `time` (now when nil), in seconds east of
-- Greenwich.
function M.utc_offset(time)
  time = time or os.time()
  local here, there = os.date("*t", time), os.date("!*t", time)
  there.isdst = here.isdst
  return os.time(here) - os.time(there)
end

--- Seconds since 1970 of a table with year, month, day, hour, min, sec. `offset`: seconds east of
-- Greenwich in which the date is meant (0 when nil). Without an hour it is noon. nil without year,
-- month and day.
function M.date_to_timestamp(date, offset)
  if not (date and date.year and date.month and date.day) then
    return nil
  end
  local days = days_from_civil(date.year, date.month, date.day)
  local seconds = days * 86400 + (date.hour or 12) * 3600 + (date.min or 0) * 60 + (date.sec or 0)
  return seconds - (offset or 0)
end

local function offset_text(offset)
  local sign = offset < 0 and "-" or "+"
  local minutes = math.abs(offset) // 60
  return string.format("%s%02d:%02d", sign, minutes // 60, minutes % 60)
end

--- The ISO 8601 text of a time: `2026-01-31T23:59:59`. With `offset` (seconds east of Greenwich) in
-- that zone and with its offset behind, as `+01:00`. A date table is written as it stands. nil for
-- an impossible time.
function M.format_timestamp(t, offset)
  if type(t) == "table" then
    return string.format("%04d-%02d-%02dT%02d:%02d:%02d", t.year, t.month, t.day, t.hour or 12,
      t.min or 0, t.sec or 0)
  end
  local shifted = math.floor(t + (offset or 0))
  local ok, text = pcall(os.date, "!%Y-%m-%dT%H:%M:%S", shifted)
  if not ok then
    return nil
  end
  return offset and text .. offset_text(offset) or text
end

local units = { { "d", 86400 }, { "h", 3600 }, { "m", 60 } }

-- How many digits 1/n needs: 1000 -> 3.
local function digits_of(n)
  local digits = 0
  while n > 1 do
    digits, n = digits + 1, n / 10
  end
  return digits
end

--- The text of a span: `1d02h03m04s`, `2m05s`, `4s`. `interval` counts `unit`s of which there are
-- so many in a second (1 when nil): format_time(1500, 1000) is "1.500s".
function M.format_time(interval, unit)
  local seconds = math.abs(interval) / (unit or 1)
  local digits = digits_of(unit or 1)
  local out = {}
  for _, u in ipairs(units) do
    local n = seconds // u[2]
    seconds = seconds - n * u[2]
    if n > 0 or #out > 0 then
      out[#out + 1] = string.format(#out > 0 and "%02.f%s" or "%.f%s", n, u[1])
    end
  end
  local width = #out > 0 and "%02." or "%."
  out[#out + 1] = string.format(width .. digits .. "fs", seconds)
  return (interval < 0 and "-" or "") .. table.concat(out)
end

local function is_before(a, b)
  return M.date_to_timestamp(a) < M.date_to_timestamp(b)
end

local function years_later(date, n)
  local copy = {}
  for k, v in pairs(date) do
    copy[k] = v
  end
  copy.year = date.year + n
  return copy
end

--- The signed text of the time from the date table `t1` to `t2`: `+2y3d04h05m06s`, `-1h00m00s`,
-- `0s`.
function M.format_difftime(t2, t1)
  local sign, early, late = "+", t1, t2
  if is_before(t2, t1) then
    sign, early, late = "-", t2, t1
  end
  local years = late.year - early.year
  if years > 0 and is_before(late, years_later(early, years)) then
    years = years - 1
  end
  local rest = M.date_to_timestamp(late) - M.date_to_timestamp(years_later(early, years))
  if years == 0 and rest == 0 then
    return "0s"
  end
  return sign .. (years > 0 and years .. "y" or "") .. M.format_time(rest)
end

--- Notes that a host's clock said `timestamp` (seconds since 1970) when ours said `received` (now
-- when nil). The script clock-skew reads the list `host.registry.datetime_skew`, seconds that the
-- host is ahead.
function M.record_skew(host, timestamp, received)
  local skew = timestamp - (received or nmap.clock())
  local list = host.registry.datetime_skew or {}
  host.registry.datetime_skew = list
  list[#list + 1] = skew
end

return M
