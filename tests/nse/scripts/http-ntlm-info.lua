-- http-ntlm-info on recorded exchanges.
local test, check, fake = ...
local script = require "support.script"
local web = require "support.web"
local ntlm = require "support.ntlm"
local port = { number = 80, service = "http" }

local function asks_for(challenge)
  return { ["/"] = { status = 401, header = { ["WWW-Authenticate"] = challenge } } }
end

test("names and version of the host", function()
  web.serve(80, asks_for("NTLM " .. ntlm.challenge64))
  check.equal(script.run("http-ntlm-info", port), ntlm.text)
end)

test("a server that offers Negotiate is asked in its words", function()
  web.serve(80, asks_for("Negotiate " .. ntlm.challenge64))
  check.equal(script.run("http-ntlm-info", port), ntlm.text)
end)

test("servers without NTLM tell nothing", function()
  web.serve(80, asks_for('Basic realm="x"'))
  check.equal(script.run("http-ntlm-info", port), nil)
  web.serve(80, asks_for("Negotiate"))
  check.equal(script.run("http-ntlm-info", port), nil)
  web.serve(80, { ["/"] = "<html>open</html>" })
  check.equal(script.run("http-ntlm-info", port), nil)
end)
