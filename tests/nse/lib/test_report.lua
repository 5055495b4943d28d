-- vulns and creds: what is kept and how it is shown.
local test, check, fake = ...

local vulns, creds = require "vulns", require "creds"
local host, port = { ip = "192.0.2.1" }, { number = 80, protocol = "tcp", service = "http" }

test("a vulnerability is shown with all that is known of it", function()
  local report = vulns.Report:new("s", host, port)
  local data, text = report:make_output({
    title = "Title", state = vulns.STATE.VULN, IDS = { CVE = "CVE-2014-0160" },
    risk_factor = "High",
    scores = { CVSSv2 = "5.0" }, description = "one\ntwo", dates = { disclosure = { year = 2014,
    month = "04", day = "07" } },
    check_results = { "c" }, extra_info = "x", references = { "https://b" },
  })
  check.equal(text, [[

  VULNERABLE:
  Title
    State: VULNERABLE
    IDs:  CVE:CVE-2014-0160
    Risk factor: High  CVSSv2: 5.0
      one
      two
    Disclosure date: 2014-04-07
    Check results:
      c
    Extra information:
      x
    References:
      https://b
      https://cve.mitre.org/cgi-bin/cvename.cgi?name=CVE-2014-0160
]])
  check.equal(data["CVE-2014-0160"].state, "VULNERABLE")
  check.same(data["CVE-2014-0160"].ids, { "CVE:CVE-2014-0160" })
  local keys = {}
  for k in pairs(data["CVE-2014-0160"]) do
    keys[#keys + 1] = k
  end
  check.same(keys, { "title", "state", "ids", "scores", "description", "dates", "disclosure",
    "check_results",
    "extra_info", "refs" })
end)

test("what is not vulnerable is not shown", function()
  check.equal(vulns.Report:new("s", host, port):make_output({ title = "t",
    state = vulns.STATE.NOT_VULN }), nil)
  check.equal(vulns.Report:new("s", host, port):make_output(), nil)
end)

test("reports are kept only for who asked, and found again", function()
  vulns.Report:new("s", host, port):make_output({ title = "t", state = vulns.STATE.VULN })
  check.equal(vulns.find(1), nil)
  local fid = vulns.save_reports()
  vulns.Report:new("s", host, port):make_output({ title = "t", state = vulns.STATE.VULN,
    IDS = { CVE = "CVE-1" } })
  check.equal(#vulns.find(fid), 1)
  check.truthy(vulns.lookup_id(fid, "CVE", "CVE-1"))
  check.equal(vulns.find(fid, { state = vulns.STATE.EXPLOIT }), nil)
  check.contains(vulns.make_output(fid), "CVE:CVE-1")
end)

test("accounts are shown with what is known of them", function()
  check.equal(tostring(creds.Account:new("u", "p", creds.State.VALID)), "u:p - Valid credentials")
  check.equal(tostring(creds.Account:new("u", "", creds.State.LOCKED)),
    "u:<empty> - Account is locked")
  check.equal(tostring(creds.Account:new(nil, "p", creds.State.VALID)), "p - Valid credentials")
end)

test("credentials are kept by script, host and port", function()
  local c = creds.Credentials:new("s", host, port)
  c:add("u", "p", creds.State.VALID)
  creds.Credentials:new("other", host, port):add("v", "q", creds.State.LOCKED)
  check.equal(#c:getTable(), 1)
  check.equal(#creds.Credentials:new(creds.ALL_DATA, host, port):getTable(), 2)
  check.equal(creds.Credentials:new(creds.ALL_DATA, host, { number = 81 }):getTable(), nil)
  local users = {}
  for entry in creds.Credentials:new(creds.ALL_DATA, host,
    port):getCredentials(creds.State.LOCKED) do
    users[#users + 1] = entry.user
  end
  check.same(users, { "v" })
end)

test("credentials from the arguments have the state PARAM", function()
  fake.nmap.registry.args = { ["creds.http"] = "admin:secret" }
  local list = creds.Credentials:new("s", host, port):getTable()
  check.equal(tostring(list[1]),
    "admin:secret - Credentials passed to script during Nmap execution")
end)
