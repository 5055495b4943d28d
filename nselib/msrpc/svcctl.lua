--- Services of a host (MS-SCMR). msrpc has all of it under the same names.

local core, math, ndr = require "msrpc.core", math, require "msrpc.ndr"
local pcall, require, stdnse, string = pcall, require, require "stdnse", string
local unicode = require "unicode"

local M = {}

-- A handle of 20 bytes and a status: `true, { handle }` or `false, reason`.
local function read_handle(status, result)
  if not status then
    return false, result
  end
  local ok, handle, code = pcall(string.unpack, "<c20I4", result.arguments)
  if not ok then
    return false, "a broken answer"
  elseif code ~= 0 then
    return false, ndr.windows_error(code)
  end
  return true, { handle = handle }
end

--- ROpenSCManagerW (MS-SCMR 3.1.4.15): a handle of the service control manager with the rights
-- `access` (a mask; nil: to connect): `true, { handle }` or `false, reason`.
function M.svcctl_openscmanagerw(state, machine, access)
  return read_handle(core.call_function(state, 15, ndr.text_pointer("\\\\" .. machine)
    .. string.pack("<I4I4", 0, access or 1)))
end

--- ROpenServiceW (MS-SCMR 3.1.4.16): a handle of a service: `true, { handle }` or `false, reason`.
function M.svcctl_openservicew(state, manager, service, access)
  return read_handle(core.call_function(state, 16, manager .. ndr.text(service)
    .. string.pack("<I4", access or 0)))
end

--- RCloseServiceHandle (MS-SCMR 3.1.4.1): true, or false and the reason.
function M.svcctl_closeservicehandle(state, handle)
  return read_handle(core.call_function(state, 0, handle))
end

-- What dwCurrentState, dwServiceType and dwControlsAccepted say (MS-SCMR 2.2.47).
local states = { "SERVICE_STOPPED", "SERVICE_START_PENDING", "SERVICE_STOP_PENDING",
  "SERVICE_RUNNING", "SERVICE_CONTINUE_PENDING", "SERVICE_PAUSE_PENDING", "SERVICE_PAUSED" }
local kinds = { [0x1] = "SERVICE_TYPE_KERNEL_DRIVER", [0x2] = "SERVICE_TYPE_FILE_SYSTEM_DRIVER",
  [0x10] = "SERVICE_TYPE_WIN32_OWN_PROCESS", [0x20] = "SERVICE_TYPE_WIN32_SHARE_PROCESS",
  [0x100] = "SERVICE_TYPE_INTERACTIVE_PROCESS" }
local controls = { [0x1] = "SERVICE_CONTROL_STOP", [0x2] = "SERVICE_CONTROL_CONTINUE",
  [0x4] = "SERVICE_CONTROL_SHUTDOWN", [0x8] = "SERVICE_CONTROL_PARAMCHANGE",
  [0x10] = "SERVICE_CONTROL_NETBINDCHANGE" }

local function names_of(bits, names)
  local list = {}
  for i = 0, 31 do
    if bits & 1 << i ~= 0 then
      list[#list + 1] = names[1 << i]
    end
  end
  return list
end

-- A text in the buffer, `offset` behind its begin.
local function text_at(buffer, offset)
  local at = offset + 1
  while at + 1 <= #buffer and string.sub(buffer, at, at + 1) ~= "\0\0" do
    at = at + 2
  end
  return unicode.utf16to8(string.sub(buffer, offset + 1, at - 1))
end

-- ENUM_SERVICE_STATUSW (2.2.11): offsets of two names, then the state; texts at the end.
local function add_services(services, buffer, n)
  for i = 0, math.min(n, #buffer // 36, ndr.items_max) - 1 do
    local name, display, kind, state, accepted = string.unpack("<I4I4I4I4I4", buffer, 36 * i + 1)
    local service = stdnse.output_table()
    service.display_name = text_at(buffer, display)
    service.state = { states[state] }
    service.type = names_of(kind, kinds)
    service.controls_accepted = names_of(accepted, controls)
    services[text_at(buffer, name)] = service
  end
end

local more_data, rounds_max, buffer_max = 234, 64, 0x2000

-- The answer: the buffer, bytes that are missing, services, where to go on, code.
local function read_services(r)
  local buffer = r:bytes(r:number())
  r:align(4)
  r:number()
  local n = r:number()
  local resume = r:number() ~= 0 and r:number() or 0
  return { buffer = buffer, n = n, resume = resume, code = r:number() }
end

--- REnumServicesStatusW (3.1.4.11): the services of a kind (0x10 and 0x20: programs, 0xb: drivers) and
-- state (1 active, 2 inactive, 3 all): `true, { NAME = { display_name, state, type, controls_accepted
-- } }`, all lists of names, or `false, reason`.
function M.svcctl_enumservicesstatusw(state, manager, kind, wanted)
  local services, resume = stdnse.output_table(), 0
  for _ = 1, rounds_max do
    local status, result = core.read(state, 14, manager
      .. string.pack("<I4I4I4I4I4", kind, wanted, buffer_max, 0x00020000, resume), read_services)
    if not status then
      return false, result
    elseif result.code ~= 0 and result.code ~= more_data then
      return false, ndr.windows_error(result.code)
    end
    add_services(services, result.buffer, result.n)
    if result.code == 0 or result.n == 0 then
      break
    end
    resume = result.resume
  end
  return true, services
end

return M
