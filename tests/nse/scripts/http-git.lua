-- http-git on recorded exchanges.
local test, check, fake = ...
local script, web = require "support.script", require "support.web"
local port = { number = 80, service = "http" }

test("a repository is found by its HEAD, its remotes without passwords", function()
  web.serve(80, { ["/.git/HEAD"] = "ref: refs/heads/live\n",
    ["/.git/config"] = '[remote "origin"]\n\turl = https://me:secret@git.example/site.git\n' })
  check.equal(script.run("http-git", port), [[
  192.0.2.1:80/.git/: 
    Git repository found!
    Remotes: 
      https://me:...@git.example/site.git
    Checked out branch: live]])
end)

test("a site that has a page for everything has none", function()
  web.serve(80, { default = "<h1>Welcome</h1>" })
  check.equal(script.run("http-git", port), nil)
end)
