-- http-apache-server-status on recorded exchanges.
local test, check, fake = ...
local script, web = require "support.script", require "support.web"
local port = { number = 80, service = "http" }

test("an open status page tells version and virtual hosts", function()
  web.serve(80, { ["/server-status"] = "<title>Apache Status</title>"
    .. "<h1>Apache Server Status for web1 (via 192.0.2.1)</h1>"
    .. "<dl><dt>Server Version: Apache/2.4.57 (Debian)</dt><dt>Server Built: 2023-04</dt>"
    .. "<dt>Server uptime:  2 hours</dt><dt>Server load: 0.1 0.2 0.3</dt></dl>"
    .. "<table><tr><td>0-0</td><td>10.0.0.9</td><td>http/1.1</td><td>www.example:80</td>"
    .. "<td>GET / HTTP/1.1</td></tr></table>" })
  check.equal(script.run("http-apache-server-status", port), [[
  Heading: Apache Server Status for web1 (via 192.0.2.1)
  Server Version: Apache/2.4.57 (Debian)
  Server Built: 2023-04
  Server Uptime: 2 hours
  Server Load: 0.1 0.2 0.3
  VHosts: 
    www.example:80]])
end)

test("a page that is denied tells nothing", function()
  web.serve(80, { ["/server-status"] = { status = 403, body = "Forbidden" } })
  check.equal(script.run("http-apache-server-status", port), nil)
end)
