-- http-favicon on recorded exchanges.
local test, check, fake = ...
local script, web = require "support.script", require "support.web"
local digest = require "support.digest"
local stdnse = require "stdnse"
local port = { number = 80, service = "http" }

local function icon(body)
  return { header = { ["Content-Type"] = "image/x-icon" }, body = body }
end

test("the digest of an icon that nobody knows is for those who ask for more", function()
  web.serve(80, { ["/favicon.ico"] = icon("\0\0\1\0icon") })
  check.equal(script.run("http-favicon", port), nil)
  fake.verbose_level = 1
  local md5 = stdnse.tohex(digest.digest("md5", "\0\0\1\0icon"))
  local text, data = script.run("http-favicon", port)
  check.equal(text, "Unknown favicon MD5: " .. md5:upper())
  check.same(data, { md5 = md5 })
end)

test("the page's own icon is found, and known ones are named", function()
  local list = io.open(fake.root .. "/nselib/data/favicons"):read("a")
  local known, name = list:match("\n(%x+) (Munin)\n")
  local plain = package.loaded.openssl.md5
  package.loaded.openssl.md5 = function()
    return stdnse.fromhex(known)
  end
  web.serve(80, { ["/"] = "<link rel='shortcut icon' href='/i/x.png'>", ["/i/x.png"] = icon("x") })
  local text, data = script.run("http-favicon", port)
  package.loaded.openssl.md5 = plain
  check.equal(text, name)
  check.same(data, { md5 = known, product = "Munin" })
end)

test("a site without an icon has no result", function()
  web.serve(80, { default = "<html>everything is a page</html>" })
  check.equal(script.run("http-favicon", port), nil)
end)
