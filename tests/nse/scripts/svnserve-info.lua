-- svnserve-info on what svnserve 1.14 answered.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 3690, service = "svn" }
local hello = "( success ( 2 2 ( ) ( edit-pipeline svndiff1 ) ) ) "

local function says(answer)
  fake.servers["tcp:3690"] = fake.replies(hello, { answer }, true)
end

test("a repository that anyone may read is told, with its realm", function()
  script.replay("svnserve-info")
  check.equal(script.run("svnserve-info", port), [[
  Protocol: 2
  Mechanisms: 
    ANONYMOUS
  Realm: 71a7ec0f-4bf2-4214-8b93-20761eb9a050
  Anonymous access: true]])
  check.equal(fake.stored(3690).version.product, "Subversion")
end)

test("a server with no repository at its root says so, without our address in it", function()
  script.replay("svnserve-none")
  check.equal(script.run("svnserve-info", port), "  Protocol: 2\n  Refusal: No repository found")
end)

test("where one must log in there is no anonymous access", function()
  says("( success ( ( DIGEST-MD5 CRAM-MD5 ) 4:Home ) ) ")
  local _, data = script.run("svnserve-info", port)
  check.same(data, { Protocol = "2", Mechanisms = { "CRAM-MD5", "DIGEST-MD5" }, Realm = "Home" })
end)

test("lengths that lie, and answers that are cut, are no fault", function()
  for _, answer in ipairs({ "( success ( ( ) 99999999999999999999:x ) ) ", "( success ( ( ANONYMOUS",
    "( failure ( ( 210005 99999:x", "garbage", "( success ( ( ) 99999:" }) do
    says(answer)
    check.equal(select(2, script.run("svnserve-info", port)).Protocol, "2")
  end
end)

test("silence to the request is an error; another server gives none", function()
  fake.servers["tcp:3690"] = fake.replies(hello, {}, true)
  check.throws("no answer", script.run, "svnserve-info", port)
  fake.servers["tcp:3690"] = fake.replies("220 ftp\r\n")
  check.equal(script.run("svnserve-info", port), nil)
end)
