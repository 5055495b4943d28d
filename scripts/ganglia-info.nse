description = [[
Shows what a Ganglia daemon (gmond, gmetad) tells anyone who connects: its clusters, their hosts, and
what is measured there.
]]
---
-- @args ganglia-info.timeout  Seconds to wait for the answer (30).
-- @args ganglia-info.bytes    Most bytes of the answer that are read (1000000).
--
-- @output
-- | ganglia-info:
-- |   Ganglia Version: 3.7.2
-- |   Cluster 1:
-- |     Name: lab
-- |     Owner: unspecified
-- |     Host 1:
-- |       Name: node1.lab.test
-- |       IP: 192.0.2.64
-- |_      os_name: Linux

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = {}
-- Nearly all that is measured changes: only what names the clusters and hosts is compared.
volatile = { "*" }
finding = "low"

local asker = require "asker"
local drain = require "drain"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service({ 8649, 8651 }, "ganglia", "tcp")

local entities = { amp = "&", lt = "<", gt = ">", quot = '"', apos = "'" }

-- name="value" pairs of a tag.
local function attributes(text)
  local list = {}
  for name, value in text:gmatch('%f[%u_]([%u_]+)="([^"]*)"') do
    list[name] = value:gsub("&(%l+);", entities)
  end
  return list
end

local hosts_max, metrics_max = 500, 200

-- Walks the tags in their order: clusters hold hosts, hosts hold metrics.
local function parse(xml)
  local output, cluster, host = stdnse.output_table(), nil, nil
  local clusters, hosts, metrics = 0, 0, 0
  for tag, rest in xml:gmatch("<(%u[%u_]*)%f[^%u_]([^<>]*)>") do
    local a = attributes(rest)
    if tag == "GANGLIA_XML" then
      output["Ganglia Version"] = a.VERSION
    elseif tag == "GRID" then
      output["Grid Name"] = a.NAME
    elseif tag == "CLUSTER" then
      clusters, hosts, cluster, host = clusters + 1, 0, stdnse.output_table(), nil
      cluster.Name = a.NAME
      cluster.Owner = a.OWNER
      output["Cluster " .. clusters] = clusters <= hosts_max and cluster or nil
    elseif tag == "HOST" and cluster then
      hosts, metrics, host = hosts + 1, 0, stdnse.output_table()
      host.Name = a.NAME
      host.IP = a.IP
      cluster["Host " .. hosts] = hosts <= hosts_max and host or nil
    elseif tag == "METRIC" and host and a.NAME then
      metrics = metrics + 1
      host[a.NAME] = metrics <= metrics_max and (a.VAL or "") .. (a.UNITS or "") or nil
    end
  end
  return output["Ganglia Version"] and output or nil
end

function action(host, port)
  local wait, most = stdnse.get_script_args(SCRIPT_NAME .. ".timeout", SCRIPT_NAME .. ".bytes")
  local xml, reason = drain.all(host, port, nil, {
    timeout = (stdnse.parse_timespec(wait) or 30) * 1000, bytes_max = tonumber(most) or 1000000,
    last = function(text)
      return text:find("</GANGLIA_XML>", -64, true) ~= nil
    end,
  })
  if not xml then
    return asker.unanswered(port, { "ganglia" }, reason)
  end
  return parse(xml)
end
