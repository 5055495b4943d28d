-- http-ls on recorded exchanges.
local test, check = ...
local script, web = require "support.script", require "support.web"
local port = { number = 80, service = "http" }

test("an index of nginx is listed", function()
  web.serve(80, { ["/"] = "<html><head><title>Index of /</title></head><body><h1>Index of /</h1>"
    .. "<hr><pre><a href=\"../\">../</a>\r\n<a href=\"beta/\">beta/</a>       "
    .. "02-Oct-2013 18:26       -\r\n<a href=\"a%20b.txt\">a b.txt</a>     "
    .. "03-Oct-2013 10:00     524\r\n</pre></body></html>" })
  local text = script.run("http-ls", port)
  check.equal(text, [[
Volume /
SIZE  TIME               FILENAME
-     02-Oct-2013 18:26  beta/
524   03-Oct-2013 10:00  a b.txt

]])
end)

local function index(...)
  local lines = {}
  for i, name in ipairs({ ... }) do
    lines[i] = ('<a href="%s">%s</a>    31-Jan-2024 12:00     4\n'):format(name, name)
  end
  return "<title>Index of /</title><h1>Index of /</h1><pre>" .. table.concat(lines) .. "</pre>"
end

test("directories are looked into, one deep unless told otherwise", function()
  web.serve(80, { ["/"] = index("old/", "a.txt"), ["/old/"] = index("../", "b/", "c.txt"),
    ["/old/b/"] = index("d.txt") })
  check.equal(script.run("http-ls", port), [[
Volume /
SIZE  TIME               FILENAME
4     31-Jan-2024 12:00  old/
4     31-Jan-2024 12:00  old/b/
4     31-Jan-2024 12:00  old/c.txt
4     31-Jan-2024 12:00  a.txt

]])
  local text = script.run("http-ls", port, { args = { ["ls.maxdepth"] = "2" } })
  check.contains(text, "  old/b/d.txt\n")
  text = script.run("http-ls", port, { args = { ["ls.maxdepth"] = "0" } })
  check.equal(text:find("old/b", 1, true), nil)
end)

test("a server that leads in circles is left after the files that are wanted", function()
  web.serve(80, { default = { body = index("a/", "b/") } })
  check.equal(script.run("http-ls", port, { args = { ["ls.maxfiles"] = "3", ["ls.maxdepth"] = "-1" } }), [[
Volume /
  maxfiles limit reached (3)
SIZE  TIME               FILENAME
4     31-Jan-2024 12:00  a/
4     31-Jan-2024 12:00  a/a/
4     31-Jan-2024 12:00  a/a/a/

]])
end)

test("an index of Apache is listed", function()
  web.serve(80, { ["/"] = "<html><head><title>Index of /pub</title></head><body><table>"
    .. "<tr><th><a href=\"?C=N;O=D\">Name</a></th></tr>\n"
    .. "<tr><td><a href=\"/\">Parent Directory</a></td></tr>\n"
    .. "<tr><td><a href=\"x.iso\">x.iso</a></td><td align=\"right\">2024-01-31 12:00  </td>"
    .. "<td align=\"right\">1.2M</td></tr>\n</table></body></html>" })
  check.contains(script.run("http-ls", port), "1.2M  2024-01-31 12:00  x.iso")
end)

test("any other page is not", function()
  web.serve(80, { ["/"] = "<title>Home</title><a href=\"x\">x</a>" })
  check.equal(script.run("http-ls", port), nil)
end)
