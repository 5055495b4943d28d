-- http-gitlab-info with pages as GitLab gives them.
local test, check = ...
local script, web = require "support.script", require "support.web"
local port = { number = 80, service = "http" }

local page = [[<meta content="GitLab" property="og:site_name">
<meta content="GitLab Community Edition" property="og:description">
<script>gon.revision="8d2c4f1ab";</script> <a href="/users/sign_up">Register now</a>]]

test("what anyone may see and do is shown", function()
  web.serve(80, { ["/users/sign_in"] = page, ["/api/v4/projects?per_page=1&simple=true"] = {
    header = { ["Content-Type"] = "application/json", ["X-Total"] = "12" }, body = '[{"id":1}]' } })
  local text = script.run("http-gitlab-info", port)
  check.equal(text, [[
  Title: GitLab Community Edition
  Revision: 8d2c4f1ab
  Registration open: true
  Public projects: 12]])
end)

test("a closed one shows its title only", function()
  web.serve(80, { ["/users/sign_in"] = '<meta content="GitLab" property="og:site_name">',
    ["/api/v4/projects?per_page=1&simple=true"] = web.json("[]") })
  local _, data = script.run("http-gitlab-info", port)
  check.same(data, { Title = "GitLab" })
end)

test("another web server is none", function()
  web.serve(80, { ["/users/sign_in"] = "<html>login</html>" })
  check.equal(script.run("http-gitlab-info", port), nil)
end)

test("a server that was lost after its first answer is an error", function()
  for _, lost in ipairs({ web.silence, { status = 503 }, { status = 429 } }) do
    web.serve(80, { ["/users/sign_in"] = page, default = lost })
    check.throws("no answer for /api/v4/projects", script.run, "http-gitlab-info", port)
  end
end)
