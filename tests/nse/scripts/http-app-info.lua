-- http-app-info on the heads of what RabbitMQ 3.10, Transmission 3.00, Syncthing 1.19, Squid 5.7 and
-- Cockpit 287 answered, and for the others on answers in the form that the documentation of each has.
local test, check, fake = ...
local script, web = require "support.script", require "support.web"
local products = require "http.products"

local function titled(title, more)
  return "<!DOCTYPE html><html><head><title>" .. title .. "</title>" .. (more or "") .. "</head></html>"
end

local function with(header, body, status)
  return { status = status, header = header, body = body or "" }
end

-- Port, pages, what is told.
local cases = {
  { 8200, { ["/"] = with({ Location = "/ui/" }, "", 307), ["/ui/"] = titled("Vault"),
    ["/v1/sys/health?standbyok=true&perfstandbyok=true&sealedcode=200&uninitcode=200"
      .. "&drsecondarycode=200"] = web.json('{"initialized":true,"sealed":false,"standby":false,'
      .. '"server_time_utc":1701337000,"version":"1.15.4","cluster_name":"vault-cluster-1"}') },
    { Product = "Vault", Version = "1.15.4", Initialized = true, Sealed = false,
      Cluster = "vault-cluster-1" } },
  { 8200, { default = { status = 404 }, ["/v1/sys/health?standbyok=true&perfstandbyok=true"
      .. "&sealedcode=200&uninitcode=200&drsecondarycode=200"] =
      web.json('{"initialized":false,"sealed":true,"version":"1.15.4"}') },
    { Product = "Vault", Version = "1.15.4", Initialized = false, Sealed = true,
      ["Setup open"] = true } },
  { 4646, { ["/v1/agent/self"] = web.json('{"config":{"Version":{"Version":"1.6.3"},"NodeName":"n1",'
      .. '"Datacenter":"dc1","Region":"global"},"member":{"Name":"n1.global"}}') },
    { Product = "Nomad", Version = "1.6.3", Node = "n1", Datacenter = "dc1", Region = "global",
      ["Open without login"] = "agent" } },
  { 4646, { ["/"] = titled("Nomad"), ["/v1/agent/self"] = with({}, "Permission denied", 403) },
    { Product = "Nomad" } },
  { 8222, { ["/varz"] = web.json('{"server_id":"NB6","version":"2.9.10","now":"2026-11-30T11:00:00Z"}') },
    { Product = "NATS monitoring", Version = "2.9.10", ["Open without login"] = "statistics" } },
  { 443, { ["/"] = titled("Rancher"), ["/rancherversion"] =
      web.json('{"Version":"v2.7.5","GitCommit":"e3a6f5b","RancherPrime":"false"}') },
    { Product = "Rancher", Version = "v2.7.5", Commit = "e3a6f5b" } },
  { 9443, { ["/"] = titled("Portainer"), ["/api/system/status"] =
      web.json('{"Version":"2.19.4","InstanceID":"299ab403-70a8-4c05-92f7-bf7a994d50df"}'),
      ["/api/users/admin/check"] = { status = 204 } }, { Product = "Portainer", Version = "2.19.4" } },
  { 9443, { ["/"] = titled("Portainer"), ["/api/system/status"] =
      web.json('{"Version":"2.19.4","InstanceID":"299ab403"}'), ["/api/users/admin/check"] =
      with({}, '{"message":"No administrator account found inside the database"}', 404) },
    { Product = "Portainer", Version = "2.19.4", ["Setup open"] = true } },
  { 9000, { ["/"] = with({ Server = "MinIO" }, "<Error><Code>AccessDenied</Code></Error>", 403) },
    { Product = "MinIO" } },
  { 8123, { ["/"] = "Ok.\n", ["/?query=SELECT%20version%28%29"] =
      with({ ["X-ClickHouse-Server-Display-Name"] = "ch1" }, "23.8.9.54\n") },
    { Product = "ClickHouse", Version = "23.8.9.54", ["Open without login"] = "queries" } },
  { 8123, { ["/"] = "Ok.\n", ["/?query=SELECT%20version%28%29"] =
      with({ ["X-ClickHouse-Exception-Code"] = "516" }, "Code: 516. DB::Exception: default: Authentication"
      .. " failed. (AUTHENTICATION_FAILED) (version 23.8.9.54 (official build))\n", 403) },
    { Product = "ClickHouse", Version = "23.8.9.54" } },
  { 8123, { ["/"] = "Ok.\n", ["/?query=SELECT%20version%28%29"] = with({},
      "Code: 194, e.displayText() = DB::Exception: Password required for user default\n", 500) },
    { Product = "ClickHouse" } },
  { 8123, { ["/"] = titled("Home Assistant"), ["/api/onboarding"] =
      web.json('[{"step":"user","done":true},{"step":"core_config","done":true}]') },
    { Product = "Home Assistant" } },
  { 8123, { ["/"] = titled("Home Assistant"), ["/api/onboarding"] =
      web.json('[{"step":"user","done":false}]') },
    { Product = "Home Assistant", ["Setup open"] = true } },
  { 7474, { ["/"] = web.json('{"bolt_direct":"bolt://localhost:7687","neo4j_version":"5.13.0",'
      .. '"neo4j_edition":"community"}') },
    { Product = "Neo4j", Version = "5.13.0", Edition = "community" } },
  { 8983, { ["/"] = with({ Location = "/solr/" }, "", 302), ["/solr/"] = titled("Solr Admin"),
      ["/solr/admin/info/system?wt=json"] = web.json('{"mode":"std","lucene":{"solr-spec-version":"9.4.0"},'
      .. '"jvm":{"version":"17.0.9+9"},"system":{"name":"Linux","version":"6.1.0"}}') },
    { Product = "Apache Solr", Version = "9.4.0", Mode = "std", Java = "17.0.9+9", System = "Linux",
      ["Open without login"] = "administration" } },
  { 80, { ["/"] = titled("phpMyAdmin", '<script>PMA_VERSION:"5.2.1"</script>') },
    { Product = "phpMyAdmin", Version = "5.2.1" } },
  { 8888, { ["/"] = titled("Jupyter Server"), ["/api"] = web.json('{"version": "2.14.2"}'),
      ["/api/status"] = web.json('{"connections":0,"kernels":0,"started":"2026-11-30T10:00:00Z"}') },
    { Product = "Jupyter", Version = "2.14.2", ["Open without login"] = "running code" } },
  { 8888, { ["/"] = titled("Jupyter Server"), ["/api"] = web.json('{"version": "2.14.2"}'),
      ["/api/status"] = with({}, '{"message":"Forbidden","started":null}', 403) },
    { Product = "Jupyter", Version = "2.14.2" } },
  { 3000, { ["/"] = with({ ["Set-Cookie"] = "i_like_gitea=1; Path=/" }, titled("Home")),
      ["/api/v1/version"] = web.json('{"version":"1.21.2"}') }, { Product = "Gitea", Version = "1.21.2" } },
  { 3000, { ["/"] = titled("Installation - Gitea: Git with a cup of tea",
      '<meta name="author" content="Gitea - Git with a cup of tea">') },
    { Product = "Gitea", ["Setup open"] = true } },
  { 443, { ["/"] = titled("Harbor"), ["/api/v2.0/systeminfo"] =
      web.json('{"auth_mode":"db_auth","self_registration":true,"harbor_version":"v2.9.1-2b2b"}') },
    { Product = "Harbor", Version = "v2.9.1-2b2b", Authentication = "db_auth",
      ["Registration open"] = true } },
  { 9000, { ["/"] = titled("SonarQube"), ["/api/system/status"] =
      web.json('{"id":"20150504120436","version":"10.3.0.82913","status":"UP"}') },
    { Product = "SonarQube", Version = "10.3.0.82913", Status = "UP" } },
  { 8081, { ["/"] = with({ Server = "Nexus/3.41.1-01 (OSS)" }, titled("Nexus Repository Manager")) },
    { Product = "Nexus Repository", Version = "3.41.1-01", Edition = "OSS" } },
  { 8082, { ["/artifactory/api/system/ping"] = with({ ["X-Artifactory-Id"] = "5e2f",
      ["X-JFrog-Version"] = "Artifactory/7.71.5 77105900" }, "OK") },
    { Product = "Artifactory", Version = "7.71.5" } },
  { 8080, { ["/"] = titled("Dashboard", '<meta name="application-name" content="JIRA">'),
      ["/rest/api/2/serverInfo"] = web.json('{"version":"9.12.0","versionNumbers":[9,12,0],"deploymentType":'
      .. '"Server","serverTitle":"Our Jira","serverTime":"2026-11-30T10:00:00.000+0000"}') },
    { Product = "Jira", Version = "9.12.0", Title = "Our Jira", Deployment = "Server" } },
  { 8090, { ["/"] = with({ ["X-Confluence-Request-Time"] = "1701337000" }), ["/login.action"] =
      titled("Log In", '<meta name="ajs-version-number" content="8.5.4">') },
    { Product = "Confluence", Version = "8.5.4" } },
  { 80, { ["/"] = with({ ["Set-Cookie"] = "nc_sameSiteCookielax=true" }), ["/status.php"] =
      web.json('{"installed":true,"maintenance":false,"needsDbUpgrade":false,"version":"27.1.4.1",'
      .. '"versionstring":"27.1.4","edition":"","productname":"Nextcloud"}') },
    { Product = "Nextcloud", Version = "27.1.4", Maintenance = false } },
  { 8065, { ["/"] = titled("Mattermost"), ["/api/v4/config/client?format=old"] =
      web.json('{"Version":"9.2.3","BuildNumber":"6929839480","SiteName":"Chat"}') },
    { Product = "Mattermost", Version = "9.2.3", Build = "6929839480", Name = "Chat" } },
  { 8006, { ["/"] = titled("pve1 - Proxmox Virtual Environment",
      '<script src="/pve2/js/pvemanagerlib.js?ver=8.1.3"></script>') },
    { Product = "Proxmox VE", Node = "pve1", Version = "8.1.3" } },
  { 8443, { ["/status"] = web.json('{"meta":{"rc":"ok","up":true,"server_version":"8.0.7",'
      .. '"uuid":"11111111-2222-3333-4444-555555555555"},"data":[]}') },
    { Product = "UniFi", Version = "8.0.7" } },
  { 5000, { ["/"] = titled("nas1&nbsp;-&nbsp;Synology DiskStation") },
    { Product = "Synology", Name = "nas1" } },
  { 8080, { ["/"] = with({ Server = "http server 1.0" }), ["/cgi-bin/authLogin.cgi"] =
      "<QDocRoot version=\"1.0\"><model><displayModelName><![CDATA[TS-253A]]></displayModelName></model>"
      .. "<firmware><version><![CDATA[5.1.3]]></version></firmware><hostname><![CDATA[nas2]]></hostname>" },
    { Product = "QNAP", Model = "TS-253A", Version = "5.1.3", ["Host name"] = "nas2" } },
  { 3000, { ["/"] = titled("Setup AdGuard Home"), ["/control/status"] = with({ Location = "/install.html" },
      "", 302) }, { Product = "AdGuard Home", ["Setup open"] = true } },
  { 80, { ["/"] = titled("Login - AdGuard Home"), ["/control/status"] = { status = 401 } },
    { Product = "AdGuard Home" } },
  { 9090, { ["/"] = with({ ["Set-Cookie"] = "cockpit=deleted; PATH=/; SameSite=strict; HttpOnly" },
      titled("Loading...", '<base href="/"><script>\nvar environment = {"is_cockpit_client":false,"page":'
      .. '{"connect":false,"require_host":false},"hostname":"web1","os-release":{"NAME":"Debian GNU/Linux",'
      .. '"ID":"debian","PRETTY_NAME":"Debian GNU/Linux 12 (bookworm)"}};\n</script>')) },
    { Product = "Cockpit", ["Host name"] = "web1", System = "Debian GNU/Linux 12 (bookworm)" } },
  { 80, { ["/"] = titled("", '<meta http-equiv="refresh" content="0; URL=cgi-bin/luci/">'),
      ["/cgi-bin/luci/"] = with({}, titled("OpenWrt - LuCI", "Powered by LuCI / OpenWrt 22.03.5 r20134"), 403) },
    { Product = "OpenWrt", Version = "22.03.5" } },
  { 80, { ["/"] = titled("RouterOS router configuration page", "<h1>RouterOS v6.49.6</h1>") },
    { Product = "RouterOS", Version = "6.49.6" } },
  { 80, { ["/"] = titled("FRITZ!Box"), ["/jason_boxinfo.xml"] = "<j:BoxInfo xmlns:j=\"http://jason.avm.de/"
      .. "updatecheck/\"><j:Name>FRITZ!Box 7590</j:Name><j:HW>226</j:HW><j:Version>154.07.57</j:Version>"
      .. "<j:Serial>3810D5000001</j:Serial></j:BoxInfo>" },
    { Product = "FRITZ!Box", Model = "FRITZ!Box 7590", Version = "154.07.57", Serial = "3810D5000001" } },
  { 80, { ["/"] = titled("hue personal wireless lighting"), ["/api/0/config"] = web.json('{"name":"Hue Bridge",'
      .. '"swversion":"1961135030","mac":"00:17:88:00:00:01","bridgeid":"001788FFFE000001","modelid":"BSB002"}') },
    { Product = "Philips Hue", Name = "Hue Bridge", Model = "BSB002", Version = "1961135030",
      ["Bridge id"] = "001788FFFE000001" } },
  { 80, { ["/"] = titled("Shelly Web Admin"), ["/shelly"] = web.json('{"name":null,"mac":"A8032AB636EC","model":'
      .. '"SNSW-001X16EU","gen":2,"ver":"1.1.0","app":"Plus1","auth_en":false}') },
    { Product = "Shelly", Model = "SNSW-001X16EU", Version = "1.1.0", ["MAC address"] = "A8032AB636EC",
      ["Open without login"] = "switches" } },
  { 80, { ["/"] = titled("Shelly"), ["/shelly"] = web.json('{"type":"SHSW-25","mac":"A8032AB636ED","auth":true,'
      .. '"fw":"20230913-114008/v1.14.0"}') },
    { Product = "Shelly", Model = "SHSW-25", Version = "20230913-114008/v1.14.0",
      ["MAC address"] = "A8032AB636ED" } },
  { 443, { ["/"] = with({ Server = "HPE-iLO-Server/1.30" }, titled("iLO 5")), ["/xmldata?item=all"] =
      "<RIMP><HSI><SBSN>CZ12345678      </SBSN><SPN>ProLiant DL380 Gen10</SPN></HSI><MP><PN>Integrated"
      .. " Lights-Out 5 (iLO 5)</PN><FWRI>2.72</FWRI></MP></RIMP>" },
    { Product = "HPE iLO", Machine = "ProLiant DL380 Gen10", Serial = "CZ12345678",
      Board = "Integrated Lights-Out 5 (iLO 5)", Version = "2.72" } },
  { 443, { ["/"] = titled("iDRAC9 - Login"), ["/redfish/v1/"] = web.json('{"RedfishVersion":"1.13.1","Product":'
      .. '"Integrated Dell Remote Access Controller","Oem":{"Dell":{"ServiceTag":"ABC1234",'
      .. '"ManagerMACAddress":"4c:d9:8f:00:00:01"}}}') },
    { Product = "Dell iDRAC", Board = "Integrated Dell Remote Access Controller", Redfish = "1.13.1",
      Serial = "ABC1234", ["MAC address"] = "4c:d9:8f:00:00:01" } },
  { 15672, { ["/"] = with({ server = "Cowboy", vary = "origin" }, titled("RabbitMQ Management")) },
    { Product = "RabbitMQ management" } },
  { 3128, { ["/"] = with({ Server = "squid/5.7", ["X-Squid-Error"] = "ERR_INVALID_URL 0" }, titled("ERROR: The"
      .. " requested URL could not be retrieved"), 400), ["/squid-internal-mgr/info"] = with({ Server =
      "squid/5.7" }, "Squid Object Cache: Version 5.7\nBuild Info: Debian linux\n") },
    { Product = "Squid", Version = "5.7", ["Open without login"] = "cache manager" } },
  { 3128, { ["/"] = with({ Server = "squid/5.7", ["X-Squid-Error"] = "ERR_INVALID_URL 0" }, "", 400),
      ["/squid-internal-mgr/info"] = with({ Server = "squid/5.7" }, "", 403) },
    { Product = "Squid", Version = "5.7" } },
  { 943, { ["/"] = with({ Server = "OpenVPN-AS" }) }, { Product = "OpenVPN Access Server" } },
  { 8384, { ["/"] = with({ ["X-Syncthing-Version"] = "v1.19.2-ds1" }, titled("Syncthing")) },
    { Product = "Syncthing", Version = "1.19.2-ds1" } },
  { 9091, { ["/"] = with({ Location = "/transmission/web/", Server = "Transmission" }, "", 301),
      ["/transmission/web/"] = with({ Server = "Transmission" }, titled("Transmission Web Interface")) },
    { Product = "Transmission", ["Open without login"] = "downloads" } },
  { 9091, { ["/"] = with({ Server = "Transmission",
      ["WWW-Authenticate"] = 'Basic realm="Transmission"' }, "", 401) }, { Product = "Transmission" } },
}

for _, case in ipairs(cases) do
  test(case[3].Product .. " at " .. case[1] .. " is told", function()
    local asked = web.serve(case[1], case[2])
    local _, data = script.run("http-app-info", { number = case[1], service = "http" })
    check.same(data, case[3])
    check.truthy(#asked <= 5, tostring(#asked))
  end)
end

test("another web server is none, and is asked for its first page alone", function()
  for _, number in ipairs({ 80, 8080 }) do
    local asked = web.serve(number, { ["/"] = titled("Welcome") })
    check.equal(script.run("http-app-info", { number = number, service = "http" }), nil)
    check.same(asked, { "GET /" })
  end
  web.serve(8443, { ["/"] = titled("Welcome"), ["/status"] = web.json('{"status":"ok"}') })
  check.equal(script.run("http-app-info", { number = 8443, service = "https-alt" }), nil)
  web.serve(80, { ["/"] = titled("The isle of biLOxi") })
  check.equal(script.run("http-app-info", { number = 80, service = "http" }), nil)
  web.serve(80, { ["/"] = titled("Links", '<a href="http://192.0.2.9/cgi-bin/luci">router</a>') })
  check.equal(script.run("http-app-info", { number = 80, service = "http" }), nil)
  web.serve(4646, { default = with({}, '{"config":{"Version":{"Version":"1.6.3"}}}', 403) })
  check.equal(script.run("http-app-info", { number = 4646, service = "http" }), nil)
  web.serve(8080, { ["/"] = with({ Server = "http server 1.0" }) })
  check.equal(script.run("http-app-info", { number = 8080, service = "http" }), nil)
end)

test("a server that was lost after its first page is an error", function()
  for _, lost in ipairs({ web.silence, { status = 503 }, { status = 429 } }) do
    web.serve(3000, { ["/"] = titled("Gitea", 'content="Gitea"'), default = lost })
    check.throws("no answer for /api/v1/version", script.run, "http-app-info", { number = 3000 })
  end
end)

test("a page of TLS at a port that sends plain questions there", function()
  web.serve(8006, { ["/"] = with({ Location = "https://192.0.2.1:8006/" }, "", 301) })
  local plain = fake.servers["tcp:8006"]
  web.serve(8006, { ["/"] = titled("pve1 - Proxmox Virtual Environment") })
  fake.servers["ssl:8006"], fake.servers["tcp:8006"] = fake.servers["tcp:8006"], plain
  local _, data = script.run("http-app-info", { number = 8006, service = "proxmox" })
  check.same(data, { Product = "Proxmox VE", Node = "pve1" })
end)

test("the rule wants web servers, and unknown services at the products' ports", function()
  local env = script.load("http-app-info")
  check.truthy(env.portrule(script.host(), script.port({ number = 8200, service = "vault" })))
  check.falsy(env.portrule(script.host(), script.port({ number = 22, service = "ssh" })))
  check.falsy(env.portrule(script.host(), script.port({ number = 9000, service = "fastcgi",
    version = { name_confidence = 10 } })))
end)

test("each product has what the script needs to tell it", function()
  for _, product in ipairs(products.list) do
    check.truthy(product.signs or product.alone, product[1])
    check.truthy(not product.ask or product.has or product.is, product[1])
    check.truthy(not (product.told or product.open) or product.ask, product[1])
  end
end)
