--- Places of addresses that scripts found, kept for the run in `nmap.registry.geoip`.

local error, ipairs, next, nmap = error, ipairs, next, require "nmap"
local rawget, setmetatable = rawget, setmetatable
local table, tonumber, tostring = table, tonumber, tostring

local M = {}

local function store()
  nmap.registry.geoip = nmap.registry.geoip or { by_ip = {}, by_gps = {} }
  return nmap.registry.geoip
end

--- Notes where an address is: latitude and longitude in degrees.
function M.add(ip, lat, lon)
  local latitude, longitude = tonumber(lat), tonumber(lon)
  if not latitude or latitude < -90 or latitude > 90 then
    error("no latitude: " .. tostring(lat), 2)
  elseif not longitude or longitude < -180 or longitude > 180 then
    error("no longitude: " .. tostring(lon), 2)
  end
  local kept, key = store(), lat .. "," .. lon
  kept.by_ip[ip] = { lat = lat, lon = lon }
  kept.by_gps[key] = kept.by_gps[key] or {}
  table.insert(kept.by_gps[key], ip)
end

--- Is nothing known?
function M.empty()
  return next(store().by_ip) == nil
end

--- All that is known: address -> { lat, lon }; "lat,lon" -> array of addresses. nil when there is
-- nothing.
function M.get_all_by_ip()
  return not M.empty() and store().by_ip or nil
end
function M.get_all_by_gps()
  return not M.empty() and store().by_gps or nil
end

--- One place, for output: latitude, longitude, city, region, country.
M.Location = {}

function M.Location:new(o)
  self.__index = self
  return setmetatable(o or {}, self)
end

for _, name in ipairs({ "latitude", "longitude", "city", "region", "country" }) do
  M.Location["set_" .. name] = function(self, value)
    self[name] = value
  end
end

function M.Location:__pairs()
  local order, at = { "latitude", "longitude", "city", "region", "country" }, 0
  return function()
    while at < #order do
      at = at + 1
      if rawget(self, order[at]) ~= nil then
        return order[at], rawget(self, order[at])
      end
    end
  end
end

function M.Location:__tostring()
  local place = {}
  for _, name in ipairs({ "city", "region", "country" }) do
    place[#place + 1] = rawget(self, name)
  end
  local text = "coordinates: " .. tostring(rawget(self, "latitude")) .. ", "
    .. tostring(rawget(self, "longitude"))
  return #place > 0 and text .. "\nlocation: " .. table.concat(place, ", ") or text
end

return M
