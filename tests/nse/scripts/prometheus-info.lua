-- prometheus-info on recorded exchanges.
local test, check = ...
local script, web = require "support.script", require "support.web"
local port = { number = 9100 }

test("a node exporter tells of its machine", function()
  web.serve(9100, { ["/metrics"] = { header = { ["Content-Type"] = "text/plain" }, body = [[
# HELP node_exporter_build_info A metric.
node_exporter_build_info{branch="debian/sid",goversion="go1.19.4",revision="1.5",version="1.5.0"} 1
node_dmi_info{product_name="ProLiant DL360",product_serial="CZ1",system_vendor="HP"} 1
node_os_info{id="debian",pretty_name="Debian GNU/Linux 12 (bookworm)"} 1
node_uname_info{machine="x86_64",nodename="web1",release="6.1.0",sysname="Linux"} 1
]] } })
  local text, data = script.run("prometheus-info", port)
  check.equal(text, [[
  Program: node_exporter 1.5.0
  Host name: web1
  Kernel: Linux 6.1.0 x86_64
  Operating system: Debian GNU/Linux 12 (bookworm)
  Machine: HP ProLiant DL360
  Serial: CZ1]])
  check.equal(data.Serial, "CZ1")
end)

test("another web server is not one", function()
  web.serve(9100, { ["/metrics"] = "hello" })
  check.equal(script.run("prometheus-info", port), nil)
end)
