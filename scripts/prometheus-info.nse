description = [[
Shows what a Prometheus server or exporter tells to anyone: build, and what is named in its
information metrics (of a node exporter: kernel, host name, operating system, machine model).
]]
---
-- @output
-- | prometheus-info:
-- |   Program: node_exporter 1.5.0
-- |   Host name: web1
-- |   Kernel: Linux 6.1.0-18-amd64 x86_64
-- |_  Operating system: Debian GNU/Linux 12 (bookworm)

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = { "Host name", "Serial" }
volatile = {}
finding = "low"

local http = require "http"
local api = require "http.api"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service({ 9090, 9093, 9100, 9115, 9182 },
  { "prometheus", "zeus-admin" })

-- The labels of the first sample of a metric whose name the pattern matches, and that name.
local function labels_of(text, pattern)
  local name, inner = text:match("%f[^\n%z](" .. pattern .. "){([^}\n]*)}")
  if not name then
    return nil
  end
  local labels = {}
  for key, value in inner:gmatch('%f[%w_]([%w_]+)="([^"\n]*)"') do
    labels[key] = value
  end
  return labels, name
end

local function joined(...)
  local parts = {}
  for _, part in ipairs({ ... }) do
    parts[#parts + 1] = part ~= "" and part or nil
  end
  return #parts > 0 and table.concat(parts, " ") or nil
end

function action(host, port)
  local response = api.first_or_refused(host, port, http.get(host, port, "/metrics",
    { redirect_ok = false }))
  local text = response.status == 200 and response.body or ""
  local build, name = labels_of("\n" .. text, "[%w_]+_build_info")
  if not build then
    return nil
  end
  local output = stdnse.output_table()
  output.Program = joined(name:gsub("_build_info$", ""), build.version or "")
  local uname = labels_of("\n" .. text, "node_uname_info") or {}
  output["Host name"] = uname.nodename
  output.Kernel = joined(uname.sysname or "", uname.release or "", uname.machine or "")
  output["Operating system"] = (labels_of("\n" .. text, "node_os_info") or {}).pretty_name
  local dmi = labels_of("\n" .. text, "node_dmi_info") or {}
  output.Machine = joined(dmi.system_vendor or "", dmi.product_name or "")
  output.Serial = dmi.product_serial ~= "" and dmi.product_serial or nil
  return output
end
