--- Calls of LAN Manager (MS-RAP), which hosts take over SMB 1 alone. msrpc has all of it under the same
-- names.

local files, math, pcall, require = require "smb.files", math, pcall, require
local smb, string = require "smb", string

local M = {}

local NET_SERVER_ENUM2, buffer_max, items_max = 104, 0xffe0, 4096

--- One call by a state that is connected to IPC$: `true, { parameters, data, status }` or `false,
-- reason`. `parameters_desc` and `data_desc` say what kind of members there are (MS-RAP 2.5.0);
-- `arguments`: bytes. A state of SMB 2 has no such calls: then there is a connection of SMB 1 for it.
function M.call_lanmanapi(state, opnum, parameters_desc, data_desc, arguments)
  local request = string.pack("<I2zz", opnum, parameters_desc, data_desc) .. arguments
  if not state.session then
    return files.transaction(state, "\\PIPE\\LANMAN", "", request, "")
  end
  local status, other = smb.start_ex(state.host, true, true, "IPC$")
  if not status then
    return false, other
  end
  local result
  status, result = files.transaction(other, "\\PIPE\\LANMAN", "", request, "")
  smb.stop(other)
  return status, result
end

-- SERVER_INFO_1 (2.5.5.4.2): a name of 16 bytes, version, type, where the remark stands.
local function read_servers(result)
  local code, converter, n = string.unpack("<I2I2I2", result.parameters)
  if code ~= 0 and code ~= 234 then
    return nil, "the server answered with status = " .. code
  end
  local servers = {}
  for i = 0, math.min(n, #result.data // 26, items_max) - 1 do
    local name, major, minor, kind, place = string.unpack("<c16BBI4I2", result.data, 26 * i + 1)
    local at = place - converter + 1
    servers[i + 1] = { name = string.match(name, "^[^%z]*"), type = kind,
      version = { major = major, minor = minor },
      comment = at >= 1 and string.match(result.data, "^[^%z]*", at) or "" }
  end
  return servers
end

--- NetServerEnum2 (3.2.5.14): the servers that a browser knows: `true, { { name, version = { major, minor
-- }, type, comment }, ... }` or `false, reason`. `domain`: its own when nil; `filter`: bits of types.
function M.rap_netserverenum2(state, domain, filter, level)
  local status, result = M.call_lanmanapi(state, NET_SERVER_ENUM2, domain and "WrLehDz" or "WrLehDO",
    "B16BBDz", string.pack("<I2I2I4", level or 1, buffer_max, filter or 0xffffffff)
      .. (domain and domain .. "\0" or ""))
  if not status then
    return false, result
  end
  local ok, servers, reason = pcall(read_servers, result)
  if not ok or not servers then
    return false, ok and reason or "a broken answer"
  end
  return true, servers
end

return M
