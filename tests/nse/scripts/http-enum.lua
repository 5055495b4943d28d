-- http-enum on recorded exchanges.
local test, check, fake = ...
local script, web = require "support.script", require "support.web"
local stdnse = require "stdnse"
local port = { number = 80, service = "http" }
local json = { ["Content-Type"] = "application/json" }

-- A file of fingerprints as others write them.
local function with_file(text, f)
  local name = os.tmpname()
  local file = assert(io.open(name, "w"))
  file:write(text)
  file:close()
  local fetchfile = fake.nmap.fetchfile
  fake.nmap.fetchfile = function(wanted)
    return wanted == name and name or fetchfile(wanted)
  end
  local ok, e = pcall(f, name)
  fake.nmap.fetchfile = fetchfile
  os.remove(name)
  assert(ok, e)
end

local theirs = [[
table.insert(fingerprints, { category = 'general', probes = { { path = '/admin/', method = 'HEAD' } },
  matches = { { match = '', output = 'Admin' } } });
table.insert(fingerprints, { category = 'general', probes = { { path = '/x', method = 'GET' } },
  matches = { { match = 'version ([0-9.]+)', output = 'App \\1' } } });
table.insert(fingerprints, { category = 'general', probes = { '/x' }, matches = {
  { dontmatch = 'hello', match = 'version', output = 'not me' }, { match = 'hello', output = 'second' },
  { match = 'x', output = 'third' } } });
table.insert(fingerprints, { category = 'general', probes = { { path = '/a401' }, { path = '/a403' },
  { path = '/a301' } }, matches = { { match = '', output = 'Stat' } } });
table.insert(fingerprints, { category = 'attacks', probes = { { path = '/y' } },
  matches = { { match = 'foo/([%d.]+)', output = 'hdr \\1' } } });
table.insert(fingerprints, { category = 'attacks', probes = { { path = '/y', method = 'POST' } },
  matches = { { output = 'posted' } } });
]]

-- What nmap's http-enum says of this server and this file.
local pages = {
  ["/admin/"] = "<title>Admin v7</title>", ["/x"] = "hello version 1.2 x", ["/"] = "",
  ["/a401"] = { status = 401 }, ["/a403"] = { status = 403 },
  ["/a301"] = { status = 301, header = { Location = "/admin/" } },
  ["/y"] = { header = { ["X-App"] = "foo/3.1" }, body = "other" },
}

test("a file of others gives what nmap gives", function()
  with_file(theirs, function(name)
    local args = { ["http-enum.fingerprintfile"] = name }
    local seen = web.serve(80, pages)
    local text, data = script.run("http-enum", port, { args = args })
    check.equal(text, "  /admin/: Admin\n  /x: App 1.2\n  /x: second\n"
      .. "  /a401: Stat (401 Unauthorized)\n  /y: hdr 3.1\n  /y: posted\n")
    check.equal(data["/x"], "App 1.2, second")
    check.contains(table.concat(seen, "\n"), "HEAD /admin/")
    check.contains(table.concat(seen, "\n"), "POST /y")
    args["http-enum.displayall"] = 1
    check.contains(script.run("http-enum", port, { args = args }), "  /a403: Stat (403 Forbidden)\n"
      .. "  /a301: Stat (301 Moved Permanently)\n")
    args["http-enum.displayall"], args["http-enum.category"] = nil, "attacks"
    check.equal(script.run("http-enum", port, { args = args }), "  /y: hdr 3.1\n  /y: posted\n")
    args["http-enum.category"], args["http-enum.basepath"] = nil, "base/"
    check.equal(script.run("http-enum", port, { args = args }), nil)
  end)
end)

test("a file that is none says why, where somebody looks", function()
  for text, why in pairs({
    ["x ="] = "cannot be read", ["fingerprints = { {} }"] = "fingerprint 1: probes and matches",
    ["fingerprints = { { probes = { '/' }, matches = { {} } } }"] = "an output",
    ["fingerprints = { { probes = { {} }, matches = {} } }"] = "a path",
  }) do
    with_file(text, function(name)
      web.serve(80, {})
      local args = { ["http-enum.fingerprintfile"] = name }
      check.equal(script.run("http-enum", port, { args = args }), nil)
      fake.debug_level = 1
      check.contains(script.run("http-enum", port, { args = args }), why)
      fake.debug_level = 0
    end)
  end
end)

-- Answers as the servers' own documentation shows them, the status of nginx as it gave it.
local told = {
  { "/nginx_status", "Active connections: 1 \nserver accepts handled requests\n 2 2 2 \n"
    .. "Reading: 0 Writing: 1 Waiting: 0 \n", "Status of nginx" },
  { "/grafana/api/health", '{\n  "commit": "abc",\n  "database": "ok",\n  "version": "9.5.2"\n}',
    "Grafana 9.5.2" },
  { "/api/v1/status/buildinfo", '{"status":"success","data":{"version":"2.42.0","revision":"x",'
    .. '"branch":"HEAD","goVersion":"go1.19"}}', "Prometheus 2.42.0" },
  { "/nextcloud/status.php", '{"installed":true,"version":"27.1.2.1","versionstring":"27.1.2",'
    .. '"edition":"","productname":"Nextcloud"}', "Nextcloud 27.1.2" },
  { "/gitea/api/v1/version", '{"version":"1.20.4"}\n', "Gitea or Forgejo 1.20.4" },
  { "/v1/sys/health", '{"initialized":true,"sealed":false,"version":"1.14.1"}', "Vault 1.14.1" },
  { "/redfish/v1/", '{"@odata.id":"/redfish/v1/","RedfishVersion":"1.6.0"}', "Redfish 1.6.0" },
  { "/.git/HEAD", "ref: refs/heads/main\n", "Repository of Git (branch main)" },
  { "/robots.txt", "User-agent: *\nDisallow: /private\n", "Rules for robots" },
  { "/uploads/", "<html><head><title>Index of /uploads/</title></head>",
    "Directory that is listed" },
  { "/api/server/version", "9.9.1.69595", "SonarQube 9.9.1.69595" },
  { "/.env", "APP_KEY=x\nDB_PASSWORD=y\n", "Settings of an application" },
}

test("applications are told by their pages", function()
  local site, wanted = {}, {}
  for _, item in ipairs(told) do
    site[item[1]] = { header = json, body = item[2] }
  end
  site["/manager/html"] = { status = 401, header = {}, body = "Tomcat Manager Application" }
  web.serve(80, site)
  local _, data = script.run("http-enum", port)
  for _, item in ipairs(told) do
    wanted[item[1]] = item[3]
  end
  wanted["/manager/html"] = "Manager of Apache Tomcat (401 Unauthorized)"
  check.same(data, wanted)
end)

test("a server with nothing, with one page for all, and none at all give none", function()
  for _, site in ipairs({ {}, { default = "<html><title>Welcome</title>HP Admin 401 </html>" },
    { default = { status = 302, header = { Location = "/login" } } } }) do
    web.serve(80, site)
    check.equal(script.run("http-enum", port), nil)
  end
  fake.servers["tcp:80"] = nil
  check.equal(script.run("http-enum", port), nil)
end)

test("a server that stops answering is an error, not one with less", function()
  web.serve(80, { ["/.git/HEAD"] = "ref: refs/heads/main\n", ["/robots.txt"] = web.silence })
  check.throws("no answer for /robots.txt", script.run, "http-enum", port)
end)

test("each fingerprint can be read, and begins with a slash", function()
  local env = setmetatable({ fingerprints = {} }, { __index = _G })
  assert(loadfile(fake.root .. "/nselib/data/http-fingerprints.lua", "t", env))()
  check.truthy(#env.fingerprints > 90)
  for _, fingerprint in ipairs(env.fingerprints) do
    for _, probe in ipairs(fingerprint.probes) do
      check.equal(probe.path:sub(1, 1), "/")
    end
    for _, match in ipairs(fingerprint.matches) do
      check.truthy(pcall(string.find, ("x<1"):rep(100), match.match), match.match)
      check.falsy(string.find("HTTP/1.1 200 OK\n\n\n", match.match), match.match)
    end
  end
  check.equal(stdnse.get_script_args("http-enum.category"), nil)
end)
