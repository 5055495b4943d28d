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
