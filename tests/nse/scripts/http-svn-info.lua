-- http-svn-info on recorded exchanges.
local test, check = ...
local script, web = require "support.script", require "support.web"
local port = { number = 80, service = "http" }
local path = { args = { ["http-svn-info.url"] = "/svn/tools" } }

test("a repository tells its root and newest revision", function()
  web.serve(80, { ["PROPFIND /svn/tools"] = { status = 207,
    header = { ["Content-Type"] = "text/xml" },
    body = '<?xml version="1.0"?><D:multistatus xmlns:D="DAV:"><D:prop>'
      .. "<lp1:version-name>812</lp1:version-name>"
      .. "<lp1:creator-displayname>jane</lp1:creator-displayname>"
      .. "<lp1:creationdate>2024-03-01T09:12:44.513Z</lp1:creationdate>"
      .. "<lp2:repository-uuid>5e1f</lp2:repository-uuid></D:prop></D:multistatus>" } })
  check.equal(script.run("http-svn-info", port, path), [[
  Repository Root: /svn/tools
  Repository UUID: 5e1f
  Revision: 812
  Last Changed Author: jane
  Last Changed Date: 2024-03-01T09:12:44.513Z]])
end)

test("a plain web server has no result", function()
  web.serve(80, { default = { status = 405 } })
  check.equal(script.run("http-svn-info", port, path), nil)
end)
