--- Directory listings, all of one shape, for scripts that show files of FTP, HTTP, NFS, SMB and
-- others.
--
--     local output = ls.new_listing()
--     ls.new_vol(output, "/share", true)          -- with permissions, owner, group
--     ls.add_file(output, { "rwxr-xr-x", "0", "0", "60", "2024-01-31T12:00:00", "." })
--     ls.end_vol(output)
--     return ls.end_listing(output)
--
-- Script arguments: ls.maxdepth (1; -1 for all levels), ls.maxfiles (10; 0 for no limit),
-- ls.checksum, ls.errors, ls.empty, ls.human.

local ipairs, math, setmetatable, stdnse = ipairs, math, setmetatable, require "stdnse"
local string, tab, table, tonumber, tostring = string, require "tab", table, tonumber, tostring

local M = {}

local defaults = { maxdepth = 1, maxfiles = 10, checksum = false, errors = true, empty = false,
  human = false }

--- A setting: of the script arguments, else the default.
function M.config(argname)
  local given = stdnse.get_script_args("ls." .. argname)
  if given == nil then
    return defaults[argname]
  end
  if math.type(defaults[argname]) then
    return tonumber(given) or defaults[argname]
  end
  return given ~= "false" and given ~= "no" and given ~= "0"
end

--- An empty listing.
function M.new_listing()
  return stdnse.output_table()
end

-- What is being filled.
local working = setmetatable({}, { __mode = "k" })

local function volumes_of(output)
  output.volumes = output.volumes or {}
  return output.volumes
end

--- Begins a volume. `hasperms`: its files come with permissions, owner and group.
function M.new_vol(output, name, hasperms)
  local volume = stdnse.output_table()
  volume.volume = name
  volume.files = {}
  working[output] = { volume = volume, hasperms = hasperms, count = 0, bytes = 0, errors = {},
    info = {} }
end

--- Adds a file: an array of texts, size, time, name, before them permissions, owner, group when the
-- volume has them. False when the limit is reached.
function M.add_file(output, file)
  local w = working[output]
  local at = w.hasperms and 4 or 1
  w.count = w.count + 1
  w.bytes = w.bytes + (tonumber(file[at]) or 0)
  local maximum = M.config("maxfiles")
  if maximum > 0 and w.count > maximum then
    return false
  end
  local entry = stdnse.output_table()
  if w.hasperms then
    entry.permission = file[1]
    entry.uid = file[2]
    entry.gid = file[3]
  end
  entry.size = tostring(file[at])
  entry.time = tostring(file[at + 1])
  entry.filename = tostring(file[at + 2])
  entry.checksum = file[at + 3]
  table.insert(w.volume.files, entry)
  return maximum <= 0 or w.count < maximum
end

--- Notes an error, or something to know, of the volume (of the listing when there is no volume).
function M.report_error(output, err)
  local w = working[output]
  if w then
    table.insert(w.errors, tostring(err))
  else
    output.errors = output.errors or {}
    table.insert(output.errors, tostring(err))
  end
end
function M.report_info(output, info)
  local w = working[output]
  if w then
    table.insert(w.info, tostring(info))
  else
    output.info = output.info or {}
    table.insert(output.info, tostring(info))
  end
end

--- Ends the volume.
function M.end_vol(output)
  local w = working[output]
  working[output] = nil
  if w.count == 0 and #w.errors == 0 and not M.config("empty") then
    return
  end
  w.volume.info = #w.info > 0 and w.info or nil
  w.volume.errors = M.config("errors") and #w.errors > 0 and w.errors or nil
  table.insert(volumes_of(output), w.volume)
  output.total = output.total or { files = 0, bytes = 0 }
  output.total.files, output.total.bytes = output.total.files + w.count,
    output.total.bytes + w.bytes
end

-- A volume as nmap shows it: what is to be known of it stands above its files.
local function volume_text(volume)
  local lines = { "Volume " .. volume.volume }
  for _, text in ipairs(volume.info or {}) do
    lines[#lines + 1] = "  " .. text
  end
  if volume.files[1] then
    local t = tab.new()
    local perms = volume.files[1].permission ~= nil
    if perms then
      tab.addrow(t, "PERMISSION", "UID", "GID", "SIZE", "TIME", "FILENAME")
    else
      tab.addrow(t, "SIZE", "TIME", "FILENAME")
    end
    for _, file in ipairs(volume.files) do
      if perms then
        tab.addrow(t, file.permission, file.uid, file.gid, file.size, file.time, file.filename)
      else
        tab.addrow(t, file.size, file.time, file.filename)
      end
    end
    for line in string.gmatch(tab.dump(t), "[^\n]+") do
      lines[#lines + 1] = line
    end
  end
  for _, text in ipairs(volume.errors or {}) do
    lines[#lines + 1] = "ERROR: " .. text
  end
  return table.concat(lines, "\n") .. "\n"
end

--- What the script returns: the listing and its text. nil when there is nothing.
function M.end_listing(output)
  if not output.volumes and not output.errors and not output.info then
    return nil
  end
  local parts = {}
  for _, text in ipairs(output.info or {}) do
    parts[#parts + 1] = text .. "\n"
  end
  local volumes = {}
  for i, volume in ipairs(output.volumes or {}) do
    volumes[i] = volume_text(volume)
  end
  parts[#parts + 1] = table.concat(volumes, "\n\n")
  for _, text in ipairs(output.errors or {}) do
    parts[#parts + 1] = "ERROR: " .. text .. "\n"
  end
  return output, table.concat(parts) .. "\n"
end

return M
