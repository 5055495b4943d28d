-- ssh-auth-methods on answers as the host's libssh2 gives them.
local test, check = ...
local script = require "support.script"
local port = { number = 22, service = "ssh" }

local answer
local closed = 0
local libssh2 = require "libssh2"
function libssh2.session_open(_, number)
  if not answer then
    error("ERROR", 0)
  end
  return { number = number }
end
function libssh2.userauth_list(_, user)
  return answer[user], "refused"
end
function libssh2.session_close()
  closed = closed + 1
end

test("methods are shown", function()
  answer, closed = { root = { "publickey", "password" } }, 0
  local text, data = script.run("ssh-auth-methods", port)
  check.equal(text, "  Supported authentication methods: \n    publickey\n    password")
  check.same(data, { ["Supported authentication methods"] = { "publickey", "password" } })
  check.equal(closed, 1)
end)

test("a server that asks for nothing is a finding", function()
  answer = { guest = "none_auth" }
  local _, data = script.run("ssh-auth-methods", port, { args = { ["ssh.user"] = "guest" } })
  check.same(data, { ["Login without authentication"] = "guest" })
end)

test("a server that was recognised and ends the connection early is an error", function()
  answer = nil
  local known = { number = 22, service = "ssh", version = { name_confidence = 10 } }
  check.throws("no answer", script.run, "ssh-auth-methods", known)
  local open = libssh2.session_open
  libssh2.session_open = function()
    error("Failed getting banner", 0)
  end
  local ok = pcall(script.run, "ssh-auth-methods", known)
  check.equal(script.run("ssh-auth-methods", port), nil)
  libssh2.session_open = open
  check.falsy(ok)
end)

test("a server that refuses, and none at all, give none", function()
  answer = { root = false }
  check.equal(script.run("ssh-auth-methods", port), nil)
  answer = nil
  check.equal(script.run("ssh-auth-methods", port), nil)
end)
