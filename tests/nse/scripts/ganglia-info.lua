-- ganglia-info on what gmond 3.7 said.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 8649, service = "ganglia" }

test("clusters and hosts are shown", function()
  script.replay("ganglia-info")
  local text, data = script.run("ganglia-info", port)
  check.equal(text, [[
  Ganglia Version: 3.7.2
  Cluster 1: 
    Name: lab
    Owner: ops
    Host 1: 
      Name: localhost
      IP: 127.0.0.1]])
  check.equal(data["Cluster 1"].Owner, "ops")
end)

test("what is measured is shown with its unit", function()
  fake.servers["tcp:8649"] = fake.replies([[<GANGLIA_XML VERSION="3.7.2" SOURCE="gmond">
<CLUSTER NAME="a &amp; b" OWNER=""><HOST NAME="n1" IP="192.0.2.1">
<METRIC NAME="swap_free" VAL="4306848" TYPE="float" UNITS="KB"/></HOST></CLUSTER></GANGLIA_XML>]])
  local text = script.run("ganglia-info", port)
  check.contains(text, "Name: a & b")
  check.contains(text, "swap_free: 4306848KB")
end)

test("another server gives none", function()
  fake.servers["tcp:8649"] = fake.replies("<html><HEAD></html>")
  check.equal(script.run("ganglia-info", port), nil)
end)
