description = [[
Calls functions of msrpc, smb and iscsi, one after the other, so that tests/nse/record.py can record what a server
answers to them: -a 'ask={get_domains,samr_enum_users}'.
]]

author = "Muster"
license = "Apache-2.0"
categories = { "safe" }

local iscsi = require "iscsi"
local msrpc = require "msrpc"
local smb = require "smb"
local stdnse = require "stdnse"

-- Opens an interface, calls f(state), closes.
local function on(name, f)
  return function(host)
    return msrpc.on_pipe(host, name, function(state)
      return f(state, host)
    end)
  end
end

-- A connection of SMB 1 to a share, for f(state).
local function at(share, f)
  return function(host)
    local status, state = smb.start_ex(host, true, true, share)
    if not status then
      return false, state
    end
    local result = f(state)
    smb.stop(state)
    return true, result
  end
end

local calls = {
  sessions = on("SRVSVC", function(state, host)
    return msrpc.srvsvc_netsessenum(state, host.ip)
  end),
  services = on("SVCCTL", function(state, host)
    local _, opened = msrpc.svcctl_openscmanagerw(state, host.ip, 0x02000000)
    return msrpc.svcctl_enumservicesstatusw(state, opened.handle, 0x10, 3)
  end),
  registry = on("WINREG", function(state)
    local _, root = msrpc.winreg_openhklm(state)
    local out = { { msrpc.winreg_enumkey(state, root.handle, 0) } }
    local _, key = msrpc.winreg_openkey(state, root.handle,
      "SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion")
    out[2] = { msrpc.winreg_queryinfokey(state, key.handle) }
    out[3] = { msrpc.winreg_queryvalue(state, key.handle, "CurrentVersion") }
    out[4] = { msrpc.winreg_queryvalue(state, key.handle, "NoSuchValue") }
    out[5] = { msrpc.winreg_closekey(state, key.handle) }
    return true, out
  end),
  browse = at("IPC$", function(state)
    return { msrpc.rap_netserverenum2(state, nil, 0xffffffff, 1) }
  end),
  files = at("public", function(state)
    local found = {}
    for file in smb.find_files(state, "\\*") do
      found[#found + 1] = file
    end
    found.opened = { smb.create_file(state, "readme.txt",
      { file_create_access_mask = 0x00120089 }) }
    found.read = { smb.read_file(state, 0, 100) }
    smb.close_file(state)
    return found
  end),
  shares = function(host)
    return smb.share_get_list(host)
  end,
  chap = function(host)
    local out = {}
    for i, password in ipairs({ "secretsecret", "wrong" }) do
      local helper = iscsi.Helper:new(host, 3260)
      helper:connect()
      local status, answer = helper:login("iqn.2026-01.test:disk1", "lab", password)
      out[i] = { status, answer:getErrorCode(), answer:getErrorMessage() }
      helper:logout()
    end
    return out
  end,
  writable = function(host)
    return smb.share_find_writable(host)
  end,
}

function hostrule()
  return true
end

function action(host)
  local names, out = stdnse.get_script_args("ask"), {}
  for i, name in ipairs(type(names) == "table" and names or { names }) do
    local call = calls[name] or msrpc[name]
    out[i] = { name, call(host) }
  end
  return out
end
