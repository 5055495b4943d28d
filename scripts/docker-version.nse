description = [[
Shows the version of a Docker engine whose API answers over the network without a client
certificate. Whoever reaches such an engine is root on its host.
]]
---
-- @output
-- | docker-version:
-- |   Version: 20.10.24+dfsg1
-- |   ApiVersion: 1.41
-- |_  Os: linux

author = "Muster"
license = "Apache-2.0"
categories = { "version", "discovery", "safe" }

identity = {}
volatile = {}
finding = "critical"

local api = require "http.api"
local nmap = require "nmap"
local shortport = require "shortport"

portrule = shortport.version_port_or_service({ 2375, 2376 }, { "docker", "docker-s" }, "tcp")

local fields = {
  { "Version", "Version" }, { "ApiVersion", "ApiVersion" }, { "MinAPIVersion", "MinAPIVersion" },
  { "GitCommit", "GitCommit" }, { "GoVersion", "GoVersion" }, { "Os", "Os" }, { "Arch", "Arch" },
  { "KernelVersion", "KernelVersion" }, { "BuildTime", "BuildTime" },
}

function action(host, port)
  local answer = api.get(host, port, "/version")
  if not answer or not answer.ApiVersion then
    return nil
  end
  port.version.name, port.version.product = "docker", "Docker"
  port.version.version = answer.Version
  nmap.set_port_version(host, port)
  return api.pick(answer, fields)
end
