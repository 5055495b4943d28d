-- gopher-ls on what Gophernicus answered.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 70, service = "gopher" }

test("the first directory is shown", function()
  script.replay("gopher-ls")
  local text = script.run("gopher-ls", port)
  check.contains(text, '[dir] /docs/ "docs ')
  check.contains(text, '\n[txt] /readme.txt "readme.txt ')
end)

test("a long one is cut, unless all is asked for", function()
  local menu = ("0Text\t/t\tlocalhost\t70\r\n"):rep(12) .. ".\r\n"
  fake.servers["tcp:70"] = fake.replies(nil, { menu })
  local text = script.run("gopher-ls", port)
  check.contains(text, "\nOnly 10 shown. Use --script-args gopher-ls.maxfiles=-1 to see all.")
  text = script.run("gopher-ls", port, { args = { ["gopher-ls.maxfiles"] = "-1" } })
  check.equal(select(2, text:gsub("%[txt%]", "")), 12)
end)

test("another server gives none", function()
  fake.servers["tcp:70"] = fake.replies(nil, { "HTTP/1.1 400 Bad Request\r\n\r\n" })
  check.equal(script.run("gopher-ls", port), nil)
end)
