-- http-icon on the icon of a site, at its usual place and at that which the page names.
local test, check = ...
local script, web = require "support.script", require "support.web"
local digest = require "support.digest"
local stdnse = require "stdnse"
local port = { number = 80, service = "http" }

local function icon(body)
  return { header = { ["Content-Type"] = "image/x-icon" }, body = body }
end

test("an icon is shown by its digest, size and type", function()
  web.serve(80, { ["/favicon.ico"] = icon("\0\0\1\0icon") })
  local md5 = stdnse.tohex(digest.digest("md5", "\0\0\1\0icon"))
  check.equal(script.run("http-icon", port), "  md5: " .. md5 .. "\n  bytes: 8\n  type: image/x-icon")
end)

test("the page's own icon is found, one that is given asked for alone", function()
  web.serve(80, { ["/"] = "<link rel='shortcut icon' href='/i/x.png'>", ["/i/x.png"] = icon("xyz") })
  local _, data = script.run("http-icon", port)
  check.equal(data.bytes, 3)
  local seen = web.serve(80, { ["/mine"] = icon("x") })
  _, data = script.run("http-icon", port, { args = { ["http-icon.uri"] = "/mine" } })
  check.equal(data.bytes, 1)
  check.same(seen, { "GET /mine" })
end)

test("a site without an icon has no result", function()
  web.serve(80, { default = { body = "<html>everything is a page</html>" } })
  check.equal(script.run("http-icon", port), nil)
end)
