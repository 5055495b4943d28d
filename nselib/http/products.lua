--- Applications that are told by their web server's first page, and what each says of itself to
-- anyone: for the script http-app-info. From what the documentation of each says of its pages and
-- of its interface.
--
-- A product is { name, and as far as it has them:
--   ports   where it usually is
--   alone   true: there it is asked although its first page does not tell it (it may have none)
--   signs   Lua patterns of the first page: status line, headers and body, redirects followed
--   ask     a path that answers JSON, or a text, without a login
--   has     a path of keys that is in such an answer of this product ("a", "b")
--   is      a pattern of such an answer, or a list of them, where it is no JSON
--   fields  what is shown of it (as http.api's pick has it)
--   find    { key, pattern, ... }: what is shown of the text; first page or answer
--   open    { path, has = path of keys or is = pattern, status (200), key =, value = }: a question
--           that is answered so to anyone only where something stands open
--   fails   true: it may answer so with a failure of the server (5xx)
--   told    { key =, value =, when = function(value, text) or nil }: the same of the first answer
--   weak    true: the signs are those of others, too
--   shows   { pattern, key, value }: what it means when the first page has the pattern }
-- The first in the list counts.

local api, ipairs, string, table, type = require "http.api", ipairs, string, table, type

local M = {}

-- Keys of findings.
M.OPEN, M.SETUP = "Open without login", "Setup open"

M.list = {
  -- Secrets, clusters, messages -------------------------------------------------------------------
  { "Vault", ports = { 8200 }, alone = true, signs = { "<title>Vault</title>" },
    ask = "/v1/sys/health?standbyok=true&perfstandbyok=true&sealedcode=200&uninitcode=200"
      .. "&drsecondarycode=200",
    has = { "sealed" }, fields = { { "Version", "version" }, { "Initialized", "initialized" },
      { "Sealed", "sealed" }, { "Cluster", "cluster_name" } },
    told = { key = M.SETUP, value = true, when = function(answer)
      return answer.initialized == false
    end } },
  { "Nomad", ports = { 4646 }, alone = true, signs = { "<title>Nomad</title>" },
    ask = "/v1/agent/self",
    has = { "config", "Version", "Version" },
    fields = { { "Version", "config", "Version", "Version" }, { "Node", "config", "NodeName" },
      { "Datacenter", "config", "Datacenter" },
      { "Region", "config", "Region" } },
    told = { key = M.OPEN, value = "agent" } },
  { "RabbitMQ management", ports = { 15672, 15671 }, signs = { "<title>RabbitMQ Management</title>",
    '[Rr]ealm="RabbitMQ Management"' } },
  { "NATS monitoring", ports = { 8222 }, alone = true, ask = "/varz", has = { "server_id" },
    fields = { { "Version", "version" }, { "Cluster", "cluster", "name" } },
    told = { key = M.OPEN, value = "statistics" } },
  { "Rancher", signs = { "<title>Rancher</title>", "\n[Xx]%-[Aa][Pp][Ii]%-[Cc]attle%-[Aa]uth:" },
    ask = "/rancherversion", has = { "Version" }, fields = { { "Version", "Version" },
      { "Commit", "GitCommit" } } },
  { "Portainer", ports = { 9443 }, signs = { "<title>Portainer</title>", 'ng%-app="portainer' },
    ask = "/api/system/status", has = { "InstanceID" }, fields = { { "Version", "Version" } },
    open = { "/api/users/admin/check", status = 404, is = "[Nn]o administrator", key = M.SETUP,
      value = true } },
  { "Argo CD", signs = { "<title>Argo CD</title>" }, ask = "/api/version", has = { "Version" },
    fields = { { "Version", "Version" } } },
  { "Traefik", signs = { "<title>Traefik" }, ask = "/api/version", has = { "Codename" },
    fields = { { "Version", "Version" } }, told = { key = M.OPEN, value = "dashboard" } },
  { "Apache Flink", signs = { "<title>Apache Flink" }, ask = "/config", has = { "flink-version" },
    fields = { { "Version", "flink-version" } }, told = { key = M.OPEN, value = "dashboard" } },

  -- Data ------------------------------------------------------------------------------------------
  { "MinIO", ports = { 9000, 9001 }, signs = { "\n[Ss]erver: MinIO", "<title>MinIO" } },
  { "ClickHouse", ports = { 8123 }, alone = true, signs = { "\n[Xx]%-[Cc]lick[Hh]ouse%-" },
    ask = "/?query=SELECT%20version%28%29", fails = true,
    is = { "\n[Xx]%-[Cc]lick[Hh]ouse%-", "\nCode: %d+[^\n]*DB::Exception" },
    find = { { "Version", "\n(%d+%.[%d.]+)\n$" }, { "Version", "%(version ([%d.]+)" } },
    told = { key = M.OPEN, value = "queries", when = function(_, text)
      return text:find("\n%d+%.[%d.]+\n$") ~= nil
    end } },
  { "Neo4j", ports = { 7474 }, alone = true, signs = { "<title>Neo4j" }, ask = "/",
    has = { "neo4j_version" },
    fields = { { "Version", "neo4j_version" }, { "Edition", "neo4j_edition" } } },
  { "Apache Solr", ports = { 8983 }, signs = { "<title>Solr Admin</title>" },
    ask = "/solr/admin/info/system?wt=json", has = { "lucene", "solr-spec-version" },
    fields = { { "Version", "lucene", "solr-spec-version" }, { "Mode", "mode" },
      { "Java", "jvm", "version" }, { "System", "system", "name" } },
    told = { key = M.OPEN, value = "administration" } },
  { "Kibana", ports = { 5601 }, signs = { "\n[Kk]bn%-[Nn]ame:", "<title>Elastic</title>" },
    ask = "/api/status",
    has = { "version", "number" }, fields = { { "Version", "version", "number" }, { "Name",
    "name" } },
    told = { key = M.OPEN, value = "status" } },
  { "phpMyAdmin", signs = { "<title>[^<]*phpMyAdmin" },
    find = { { "Version", 'PMA_VERSION:"([%w.-]+)' }, { "Version",
    "%.css%?v=(%d+%.%d+[%w.-]*)" } } },

  -- Watching --------------------------------------------------------------------------------------
  { "Netdata", ports = { 19999 }, signs = { "\n[Ss]erver: [Nn]etdata" }, ask = "/api/v1/info",
    has = { "mirrored_hosts" }, fields = { { "Version", "version" }, { "System", "os_name" },
      { "System version", "os_version" }, { "Kernel", "kernel_version" } },
    told = { key = M.OPEN, value = "metrics" } },
  { "Graylog", ports = { 9000 }, signs = { "<title>Graylog" }, ask = "/api/", has = { "node_id" },
    fields = { { "Version", "version" } } },
  { "Zabbix", signs = { "<title>[^<]*Zabbix</title>", ">Zabbix SIA<" } },

  -- Code and what is built of it ------------------------------------------------------------------
  { "Jupyter", ports = { 8888 }, signs = { "<title>[^<]*Jupyter[^<]*</title>" }, ask = "/api",
    has = { "version" }, fields = { { "Version", "version" } },
    open = { "/api/status", has = { "started" }, key = M.OPEN, value = "running code" } },
  { "Forgejo", signs = { 'content="Forgejo', "i_like_forgejo=", ">Powered by Forgejo<" },
    ask = "/api/v1/version", has = { "version" }, fields = { { "Version", "version" } },
    shows = { "<title>Installation ", M.SETUP, true } },
  { "Gitea", ports = { 3000 }, signs = { 'content="Gitea', "i_like_gitea=", ">Powered by Gitea<" },
    ask = "/api/v1/version", has = { "version" }, fields = { { "Version", "version" } },
    shows = { "<title>Installation ", M.SETUP, true } },
  { "Harbor", signs = { "<title>Harbor</title>" }, ask = "/api/v2.0/systeminfo",
    has = { "auth_mode" }, fields = { { "Version", "harbor_version" },
      { "Authentication", "auth_mode" } },
    told = { key = "Registration open", value = true, when = function(answer)
      return answer.self_registration == true
    end } },
  { "SonarQube", ports = { 9000 }, signs = { "<title>SonarQube" }, ask = "/api/system/status",
    has = { "version" },
    fields = { { "Version", "version" }, { "Status", "status" } } },
  { "Nexus Repository", ports = { 8081 }, signs = { "\n[Ss]erver: Nexus/" }, find = {
    { "Version", "\n[Ss]erver: Nexus/([%w.-]+)" }, { "Edition",
    "\n[Ss]erver: Nexus/%S+ %((%w+)%)" } } },
  { "Artifactory", ports = { 8082 }, alone = true, signs = { "\n[Xx]%-[Jj][Ff]rog%-",
    "\n[Xx]%-[Aa]rtifactory%-",
    "<title>JFrog" }, ask = "/artifactory/api/system/ping",
    is = "\n[Xx]%-[Aa]rtifactory%-[Ii][Dd]:",
    find = { { "Version", "[Aa]rtifactory/([%d.]+)" } } },
  { "Jira", signs = { 'content="JIRA"', "\n[Xx]%-[Aa][Rr][Ee][Qq][Uu][Ee][Ss][Tt][Ii][Dd]:" },
    ask = "/rest/api/2/serverInfo", has = { "versionNumbers" }, fields = { { "Version", "version" },
      { "Title", "serverTitle" }, { "Deployment", "deploymentType" } } },
  { "Confluence", ports = { 8090 }, signs = { "\n[Xx]%-[Cc]onfluence%-" }, ask = "/login.action",
    is = 'name="ajs%-version%-number"',
    find = { { "Version", 'name="ajs%-version%-number" content="([%w.-]+)"' } } },
  { "Node-RED", ports = { 1880 }, signs = { "<title>Node%-RED</title>" }, ask = "/settings",
    has = { "httpNodeRoot" }, fields = { { "Version", "version" } },
    told = { key = M.OPEN, value = "editor" } },

  -- People ----------------------------------------------------------------------------------------
  { "Keycloak", signs = { "<title>[^<]*Keycloak" }, ask = "/realms/master", has = { "public_key" },
    fields = { { "Realm", "realm" } } },
  { "Nextcloud", signs = { "nc_sameSiteCookie", "<title>%s*[^<]*Nextcloud",
    "<title>%s*[^<]*ownCloud" },
    ask = "/status.php", has = { "versionstring" }, fields = { { "Product", "productname" },
      { "Version", "versionstring" }, { "Edition", "edition" }, { "Maintenance", "maintenance" } },
    told = { key = M.SETUP, value = true, when = function(answer)
      return answer.installed == false
    end } },
  { "Mattermost", ports = { 8065 }, signs = { "<title>Mattermost</title>",
    "\n[Xx]%-[Vv]ersion%-[Ii]d: %d+%.%d+%.%d+%.%d" },
    ask = "/api/v4/config/client?format=old", has = { "BuildNumber" }, fields = {
      { "Version", "Version" }, { "Build", "BuildNumber" }, { "Name", "SiteName" } } },
  { "Jellyfin", ports = { 8096 }, signs = { "<title>Jellyfin</title>", "<title>Emby</title>" },
    ask = "/System/Info/Public", has = { "ServerName" }, fields = { { "Product", "ProductName" },
      { "Version", "Version" }, { "Name", "ServerName" }, { "System", "OperatingSystem" } },
    told = { key = M.SETUP, value = true, when = function(answer)
      return answer.StartupWizardCompleted == false
    end } },
  { "Plex Media Server", ports = { 32400 }, alone = true, signs = { "\n[Xx]%-[Pp]lex%-" },
    ask = "/identity",
    is = "<MediaContainer ", find = { { "Version", '<MediaContainer [^>]*version="([%w.-]+)"' } } },
  { "Syncthing", ports = { 8384 }, signs = { "\n[Xx]%-[Ss]yncthing%-[Vv]ersion:" },
    find = { { "Version", "\n[Xx]%-[Ss]yncthing%-[Vv]ersion: v?([%w.-]+)" } } },
  { "Transmission", ports = { 9091 }, signs = { "\n[Ss]erver: Transmission",
    "<title>Transmission Web Interface</title>" },
    shows = { "<title>Transmission Web", M.OPEN, "downloads" } },

  -- Machines and houses ---------------------------------------------------------------------------
  { "Proxmox VE", ports = { 8006 }, signs = { "Proxmox Virtual Environment</title>" }, find = {
    { "Node", "<title>([%w.-]+) %- Proxmox" }, { "Version",
    "pvemanagerlib%.js%?ver=([%w.~-]+)" } } },
  { "Proxmox Backup Server", ports = { 8007 }, signs = { "Proxmox Backup Server</title>" }, find = {
    { "Node", "<title>([%w.-]+) %- Proxmox" } } },
  { "UniFi", ports = { 8443 }, alone = true, signs = { "<title>UniFi" }, ask = "/status",
    has = { "meta", "server_version" }, fields = { { "Version", "meta", "server_version" } } },
  { "Synology", ports = { 5000, 5001 }, signs = { "<title>[^<]*Synology" }, find = {
    { "Name", "<title>([^<&]+)&nbsp;%-&nbsp;Synology" }, { "Name",
    "<title>([^<&]-) %- Synology" } } },
  { "QNAP", signs = { "QNAP Turbo NAS", "<title>QNAP", "\n[Ss]erver: http server 1%.0" },
    ask = "/cgi-bin/authLogin.cgi", is = "<QDocRoot", find = {
      { "Model", "<displayModelName><!%[CDATA%[([^%]]+)" }, { "Version",
        "<version><!%[CDATA%[([^%]]+)" },
      { "Host name", "<hostname><!%[CDATA%[([^%]]+)" } }, weak = true },
  { "Home Assistant", ports = { 8123 }, signs = { "<title>Home Assistant</title>" },
    ask = "/api/onboarding",
    has = { 1, "step" }, fields = {}, told = { key = M.SETUP, value = true, when = function(answer)
      return answer[1].step == "user" and answer[1].done == false
    end } },
  { "Cockpit", ports = { 9090 }, signs = { "\n[Ss]et%-[Cc]ookie: cockpit=" }, find = {
    { "Host name", '"hostname":"([%w.-]+)"' }, { "System", '"PRETTY_NAME":"([^"<>]+)"' } } },
  { "TrueNAS", signs = { "<title>TrueNAS" } },
  { "OPNsense", signs = { "<title>[^<]*OPNsense" } },
  { "pfSense", signs = { "<title>[^<]*pfSense" } },
  { "OpenWrt", signs = { "cgi%-bin/luci" }, ask = "/cgi-bin/luci/", is = "LuCI",
    find = { { "Version", "OpenWrt v?([%d.]+[%w.-]*)" } }, weak = true },
  { "RouterOS", signs = { "<title>RouterOS" }, find = { { "Version", "RouterOS v([%w.]+)" } } },
  { "FRITZ!Box", signs = { "<title>FRITZ!" }, ask = "/jason_boxinfo.xml", is = "<j:BoxInfo",
    find = { { "Model", "<j:Name>([^<]+)" }, { "Version", "<j:Version>([^<]+)" },
      { "Serial", "<j:Serial>([^<]+)" } } },
  { "Philips Hue", signs = { "<title>hue personal" }, ask = "/api/0/config", has = { "bridgeid" },
    fields = { { "Name", "name" }, { "Model", "modelid" }, { "Version", "swversion" },
      { "Bridge id", "bridgeid" } } },
  { "Shelly", signs = { "<title>Shelly" }, ask = "/shelly", has = { "mac" }, fields = {
      { "Model", "model" }, { "Model", "type" }, { "Version", "ver" }, { "Version", "fw" },
      { "MAC address", "mac" }, { "Name", "name" } },
    told = { key = M.OPEN, value = "switches", when = function(answer)
      return answer.auth == false or answer.auth_en == false
    end } },
  { "Tasmota", signs = { "Tasmota [%d.]+[^<]* by Theo Arends" },
    find = { { "Version", "Tasmota ([%d.]+)" } } },
  { "HPE iLO", signs = { "\n[Ss]erver: HPE?%-iLO", "<title>%s*iLO%f[%W]",
    "<title>[^<]*Integrated Lights%-Out" },
    ask = "/xmldata?item=all", is = "<RIMP>", find = { { "Machine", "<SPN>([^<]+)" },
      { "Serial", "<SBSN>%s*([^<%s]+)" }, { "Board", "<PN>([^<]+)" },
      { "Version", "<FWRI>([^<]+)" } } },
  { "Dell iDRAC", signs = { "<title>[^<]*iDRAC" }, ask = "/redfish/v1/", has = { "RedfishVersion" },
    fields = { { "Board", "Product" }, { "Redfish", "RedfishVersion" },
      { "Serial", "Oem", "Dell", "ServiceTag" },
      { "MAC address", "Oem", "Dell", "ManagerMACAddress" } } },
  { "Supermicro", signs = { "ATEN International" }, ask = "/redfish/v1/",
    has = { "RedfishVersion" }, fields = { { "Redfish", "RedfishVersion" }, { "UUID", "UUID" } } },
  { "PRTG Network Monitor", signs = { "\n[Ss]erver: PRTG" },
    find = { { "Version", "\n[Ss]erver: PRTG/([%w.]+)" } } },
  { "Apache ActiveMQ", ports = { 8161 }, signs = { "<title>Apache ActiveMQ",
    '[Rr]ealm="ActiveMQRealm"' } },
  { "OctoPrint", signs = { "<title>OctoPrint" } },
  { "Vaultwarden", signs = { "<title>Vaultwarden" } },
  { "AdGuard Home", signs = { "<title>[^<]*AdGuard Home" }, ask = "/control/status",
    has = { "protection_enabled" }, fields = { { "Version", "version" } },
    told = { key = M.OPEN, value = "settings" },
    shows = { "<title>Setup AdGuard Home", M.SETUP, true } },
  { "Pi-hole", signs = { "\n[Xx]%-[Pp]i%-[Hh]ole:", "<title>[^<]*Pi%-hole" } },
  { "Squid", ports = { 3128 }, signs = { "\n[Xx]%-[Ss]quid%-[Ee]rror:", "\n[Ss]erver: squid" },
    ask = "/squid-internal-mgr/info", is = "Squid Object Cache: Version",
    find = { { "Version", "\n[Ss]erver: squid/([%w.-]+)" },
      { "Version", "Squid Object Cache: Version ([%w.-]+)" } },
    told = { key = M.OPEN, value = "cache manager" } },
  { "OpenVPN Access Server", ports = { 943 }, signs = { "\n[Ss]erver: OpenVPN%-AS" } },
  { "Webmin", ports = { 10000 }, signs = { "\n[Ss]erver: MiniServ/", "<title>[^<]*Webmin" },
    find = { { "Version", "\n[Ss]erver: MiniServ/([%d.]+)" } } },
}

local ports

--- The numbers of the ports where the products usually are.
function M.ports()
  if not ports then
    ports = {}
    for _, product in ipairs(M.list) do
      for _, number in ipairs(product.ports or {}) do
        ports[#ports + 1] = number
      end
    end
  end
  return ports
end

--- Of a response all that is looked at: status line, headers, body.
function M.text_of(response)
  return table.concat({ response["status-line"] or "", table.concat(response.rawheader or {}, "\n"),
    response.body or "" }, "\n")
end

local function has_any(text, patterns)
  for _, pattern in ipairs(type(patterns) == "string" and { patterns } or patterns or {}) do
    if string.find(text, pattern) then
      return true
    end
  end
  return false
end

--- The product that the first page tells, or nil.
function M.told_by(text)
  for _, product in ipairs(M.list) do
    if has_any(text, product.signs) then
      return product
    end
  end
end

--- The products that may be at a port without a first page that tells them.
function M.usual_at(number)
  local list = {}
  for _, product in ipairs(M.list) do
    for _, own in ipairs(product.alone and product.ports or {}) do
      list[#list + 1] = own == number and product or nil
    end
  end
  return list
end

--- Does an answer, a JSON value (or nil) and its text, look as `what` (`has`, `is`) says?
function M.fits(what, value, text)
  if what.has then
    return value ~= nil and api.dig(value, table.unpack(what.has)) ~= nil
  end
  return has_any(text, what.is)
end

--- Puts what a text shows by patterns into the output.
function M.find(product, text, output)
  for _, item in ipairs(product.find or {}) do
    local found = string.match(text, item[2])
    if type(found) == "string" and output[item[1]] == nil then
      output[item[1]] = found
    end
  end
end

return M
