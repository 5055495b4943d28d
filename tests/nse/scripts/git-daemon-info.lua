-- git-daemon-info on what git daemon 2.39 answered.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 9418, service = "git" }

test("a daemon that has no repository at / is one", function()
  script.replay("git-daemon-info")
  check.equal(script.run("git-daemon-info", port),
    "  Answer: access denied or repository not exported\n  Repository at /: false")
  check.equal(fake.stored(9418).version.product, "Git daemon")
end)

test("a repository at / is told, with the program's version and the branch", function()
  script.replay("git-daemon-root")
  check.equal(script.run("git-daemon-info", port),
    "  Repository at /: true\n  Agent: git/2.39.5\n  Branch: main")
  check.equal(fake.stored(9418).version.version, "2.39.5")
end)

test("an answer that is cut, or of another server, gives none", function()
  local whole = script.recorded("git-daemon-root")[1][1][2]
  for _, text in ipairs({ whole:sub(1, 3), whole:sub(1, 30), "0000", "ffff", "0004", "zzzzERR x",
    "0008HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n", "0033",
    "0010abc HEAD\0x=1" }) do
    fake.servers["tcp:9418"] = fake.replies(nil, { text })
    check.equal(script.run("git-daemon-info", port), nil)
  end
end)
