description = [[
Shows what a host tells of itself over SMB 1 without a login: system, names of computer, domain
and forest, clock.
]]
---
-- @output
-- | smb-os-discovery:
-- |   OS: Windows 6.1 (Samba 4.17.12-Debian)
-- |   Computer name: nas
-- |   NetBIOS computer name: NAS\x00
-- |   Domain name: lab.test
-- |   FQDN: nas.lab.test
-- |_  System time: 2026-11-22T21:58:26+00:00

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }
dependencies = { "smb-brute" }

identity = { "fqdn", "server" }
volatile = { "date" }

local datetime = require "datetime"
local smb = require "smb"
local stdnse = require "stdnse"

function hostrule(host)
  return smb.get_port(host) ~= nil
end

-- "computer.domain" -> "computer"
local function computer_of(result)
  local fqdn, domain = result.fqdn, result.domain_dns
  if fqdn and domain and fqdn:sub(-#domain - 1) == "." .. domain then
    return fqdn:sub(1, -#domain - 2)
  end
  return fqdn
end

local function data_of(result)
  local data = stdnse.output_table()
  data.os = result.os
  data.lanmanager = result.lanmanager
  data.server = result.server
  data.date = result.time and datetime.format_timestamp(result.time,
    (result.timezone or 0) * 3600 // 1) or nil
  data.fqdn = result.fqdn
  data.domain_dns = result.domain_dns
  data.forest_dns = result.forest_dns
  data.workgroup = result.workgroup
  return data
end

function action(host)
  local status, result = smb.get_os(host)
  if not status then
    return smb.unanswered(host, 1, result)
  end
  if result.time then
    datetime.record_skew(host, result.time)
  end
  local data, lines = data_of(result), {}
  local function add(name, value)
    if value and value ~= "" then
      lines[#lines + 1] = "  " .. name .. ": " .. value
    end
  end
  if result.os then
    local shown = smb.get_windows_version(result.os)
    add("OS", shown .. (result.lanmanager and " (" .. result.lanmanager .. ")" or ""))
  end
  add("Computer name", computer_of(result))
  local name = result.server and result.server:gsub("%z", "\\x00")
  add("NetBIOS computer name", name)
  local in_domain = result.domain_dns and result.domain_dns ~= ""
  if in_domain then
    add("Domain name", result.domain_dns)
    add("Forest name", result.forest_dns)
  end
  add("FQDN", result.fqdn)
  if not in_domain and result.workgroup then
    add("Workgroup", (result.workgroup:gsub("%z", "\\x00")))
  end
  add("System time", data.date)
  return data, "\n" .. table.concat(lines, "\n") .. "\n"
end
