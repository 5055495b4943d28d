-- http-webdav-scan on recorded exchanges.
local test, check = ...
local script, web = require "support.script", require "support.web"
local port = { number = 80, service = "http" }

test("a WebDAV server and its directory are shown", function()
  web.serve(80, {
    ["OPTIONS /"] = { header = { DAV = "1,2", Allow = "OPTIONS,GET,PROPFIND",
      Server = "Apache/2.4.57 (Debian)" } },
    ["PROPFIND /"] = { status = 207, header = { ["Content-Type"] = "text/xml" },
      body = '<D:multistatus xmlns:D="DAV:"><D:response><D:href>/</D:href></D:response>'
        .. "<D:response><D:href>/plans.txt</D:href></D:response></D:multistatus>" },
  })
  check.equal(script.run("http-webdav-scan", port), [[
  Allowed Methods: OPTIONS,GET,PROPFIND
  Server Type: Apache/2.4.57 (Debian)
  WebDAV type: Unknown
  Directory Listing: 
    /
    /plans.txt]])
end)

test("the order of methods and of a directory is no difference", function()
  local function told(allow, first, second)
    web.serve(80, {
      ["OPTIONS /"] = { header = { DAV = "1", Allow = allow, Public = allow } },
      ["PROPFIND /"] = { status = 207, body = "<D:href>" .. first .. "</D:href><D:href>" .. second
        .. "</D:href>" },
    })
    local text, data = script.run("http-webdav-scan", port)
    check.contains(text, "  Allowed Methods: " .. allow .. "\n  Public Options: " .. allow .. "\n")
    return data
  end
  local data = told("OPTIONS, GET,PROPFIND, GET", "/b", "/a")
  check.equal(data["Allowed Methods"], "GET,OPTIONS,PROPFIND")
  check.same(data, told("PROPFIND,OPTIONS,GET", "/a", "/b"))
end)

test("a directory about which there is no answer is an error", function()
  for _, lost in ipairs({ web.silence, { status = 503 } }) do
    web.serve(80, { ["OPTIONS /"] = { header = { DAV = "1" } }, ["PROPFIND /"] = lost })
    check.throws("no answer for PROPFIND /", script.run, "http-webdav-scan", port)
  end
end)

test("a directory that is longer than any answer may be is told in part", function()
  web.serve(80, { ["OPTIONS /"] = { header = { DAV = "1" } }, ["PROPFIND /"] = { status = 207,
    body = ("<D:href>/a</D:href>"):rep(200000) } })
  local _, data = script.run("http-webdav-scan", port)
  check.equal(#data["Directory Listing"], 20)
end)

test("a plain web server has no result", function()
  web.serve(80, { ["OPTIONS /"] = { header = { Allow = "GET" } } })
  check.equal(script.run("http-webdav-scan", port), nil)
end)

test("Apache is known by its property set although it sends what IIS sends (2.4.71)", function()
  web.serve(80, { ["OPTIONS /"] = { header = { Allow = "OPTIONS,PROPFIND", ["MS-Author-Via"] = "DAV",
    DAV = "1,2, <http://apache.org/dav/propset/fs/1>" } } })
  check.contains(script.run("http-webdav-scan", port), "WebDAV type: Apache DAV")
end)

test("IIS is known by MS-Author-Via", function()
  web.serve(80, { ["OPTIONS /"] = { header = { Allow = "OPTIONS,PROPFIND", ["MS-Author-Via"] = "DAV", DAV = "1,2" } } })
  check.contains(script.run("http-webdav-scan", port), "WebDAV type: Microsoft")
end)
