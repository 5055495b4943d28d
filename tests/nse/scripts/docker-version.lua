-- docker-version on recorded exchanges.
local test, check = ...
local script, web = require "support.script", require "support.web"
local port = { number = 2375, service = "docker" }

test("an open engine tells its version", function()
  web.serve(2375, { ["/version"] = web.json([[{"Version":"20.10.24+dfsg1","ApiVersion":"1.41",]]
    .. [["MinAPIVersion":"1.12","Os":"linux","Arch":"amd64","KernelVersion":"6.1.0-18-amd64"}]]) })
  local text, data = script.run("docker-version", port)
  check.equal(text, [[
  Version: 20.10.24+dfsg1
  ApiVersion: 1.41
  MinAPIVersion: 1.12
  Os: linux
  Arch: amd64
  KernelVersion: 6.1.0-18-amd64]])
  check.equal(data.ApiVersion, "1.41")
end)

test("another web server is not one", function()
  web.serve(2375, { ["/version"] = "<html>1.2</html>" })
  check.equal(script.run("docker-version", port), nil)
end)
