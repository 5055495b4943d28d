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

test("no login is left in the address of a remote", function()
  local n = 0
  for url, shown in pairs({
    ["https://ghp_XXXX@git.example/o/r.git"] = "https://...@git.example/o/r.git",
    ["https://u:p@ss@host.example/"] = "https://u:...@host.example/",
    ["https://u:p@ss:w@host.example:8443?a@b"] = "https://u:...@host.example:8443?a@b",
    ["https://ghp_0123456789abcdef0123:x-oauth-basic@git.example/r"] = "https://...@git.example/r",
    ["git@git.example:o/r.git"] = "git@git.example:o/r.git",
    ["https://git.example/~me@home/r.git"] = "https://git.example/~me@home/r.git",
  }) do
    n = n + 1
    web.serve(80, { ["/.git/HEAD"] = whole["/.git/HEAD"],
      ["/.git/config"] = "[remote]\n\turl = " .. url .. "\n" })
    local _, data = script.run("http-git", port, { host = { ip = "192.0.2." .. n } })
    check.same(data["192.0.2." .. n .. ":80/.git/"].remotes, { shown })
  end
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

test("a file about which there is no answer is an error", function()
  for _, lost in ipairs({ web.silence, { status = 503 }, { status = 429 } }) do
    web.serve(80, { ["/.git/HEAD"] = "ref: refs/heads/live\n", ["/.git/config"] = lost })
    check.throws("no answer for /.git/config", script.run, "http-git", port)
  end
end)
