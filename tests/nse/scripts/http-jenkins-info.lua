-- http-jenkins-info with answers as Jenkins gives them.
local test, check = ...
local script, web = require "support.script", require "support.web"
local port = { number = 8080, service = "http" }

local function login(header)
  return { status = 200, body = "<html>Sign in", header = header }
end
local headers = { ["X-Jenkins"] = "2.440.1", ["X-Jenkins-Session"] = "3f1c9c4e" }

test("a server with jobs for anyone is told", function()
  web.serve(8080, { ["/login"] = login(headers),
    ["/api/json?tree=jobs[name]"] = web.json('{"jobs":[{"name":"a"},{"name":"b"}]}'),
    ["/script"] = "<h1>Script Console</h1>" })
  local text, data = script.run("http-jenkins-info", port)
  check.equal(text, [[
  Version: 2.440.1
  Session: 3f1c9c4e
  Jobs readable: 2
  Script console open: true]])
  check.equal(data["Jobs readable"], 2)
end)

test("one that wants a login tells its version only, also below a path", function()
  web.serve(8080, { ["/jenkins/login"] = login(headers), default = { status = 403, body = "" } })
  local _, data = script.run("http-jenkins-info", port)
  check.same(data, { Version = "2.440.1", Session = "3f1c9c4e" })
end)

test("another web server is none", function()
  web.serve(8080, { ["/login"] = "<html>login</html>" })
  check.equal(script.run("http-jenkins-info", port), nil)
end)

test("a server that was lost after its first answer is an error", function()
  for _, lost in ipairs({ web.silence, { status = 503 }, { status = 429 } }) do
    web.serve(8080, { ["/login"] = login(headers), ["/api/json?tree=jobs[name]"] = lost })
    check.throws("no answer for /api/json", script.run, "http-jenkins-info", port)
  end
end)

test("one that was lost after its jobs is an error", function()
  for _, lost in ipairs({ web.silence, { status = 503 }, { status = 429 } }) do
    web.serve(8080, { ["/login"] = login(headers), ["/script"] = lost })
    check.throws("no answer for /script", script.run, "http-jenkins-info", port)
  end
end)

test("a web server that does not say whether there is one below a path is an error", function()
  for _, lost in ipairs({ web.silence, { status = 429 } }) do
    web.serve(8080, { ["/jenkins/login"] = lost })
    check.throws("no answer for /jenkins/login", script.run, "http-jenkins-info", port)
  end
  web.serve(8080, { ["/jenkins/login"] = { status = 502 } })
  check.equal(script.run("http-jenkins-info", port), nil)
end)
