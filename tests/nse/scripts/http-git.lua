-- http-git on recorded exchanges.
local test, check, fake = ...
local script, web = require "support.script", require "support.web"
local port = { number = 80, service = "http" }

local whole = { ["/.git/HEAD"] = "ref: refs/heads/live\n",
  ["/.git/config"] = '[remote "origin"]\n\turl = https://me:secret@git.example/site.git\n',
  ["/.git/description"] = "Unnamed repository; edit this file 'description' to name the repository.\n",
  ["/.git/COMMIT_EDITMSG"] = "first import\n\nof all\n" }

test("a repository is found by its HEAD, its remotes without passwords", function()
  web.serve(80, whole)
  local text, data = script.run("http-git", port)
  check.equal(text, [[
  192.0.2.1:80/.git/
    Git repository found!
    Repository description: Unnamed repository; edit this file 'description' to name the...
    Last commit message: first import  of all ]] .. [[

    Remotes:
      https://me:...@git.example/site.git
]])
  check.same(data["192.0.2.1:80/.git/"], {
    remotes = { "https://me:...@git.example/site.git" },
    ["repository-description"] = whole["/.git/description"],
    ["last-commit-message"] = "first import\n\nof all\n",
    ["files-found"] = { [".gitignore"] = false, [".git/COMMIT_EDITMSG"] = true,
      [".git/config"] = true, [".git/description"] = true, [".git/info/exclude"] = false },
  })
end)

test("with too few of its files it is a potential one", function()
  web.serve(80, { ["/.git/HEAD"] = "ref: refs/heads/live\n", ["/.git/config"] = "[core]\n",
    ["/.gitignore"] = "*.o\n" })
  check.equal(script.run("http-git", port), [[
  192.0.2.1:80/.git/
    Potential Git repository found (found 3/6 expected files)
]])
end)

test("a site that has a page for everything has none", function()
  web.serve(80, { default = "<h1>Welcome</h1>" })
  check.equal(script.run("http-git", port), nil)
end)
