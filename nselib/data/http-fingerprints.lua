-- Where web applications are found and how they are told, for the script http-enum. From what the
-- documentation of each says of its addresses and answers.
--
-- A fingerprint has a category, probes (path; method: GET when it is not said) and matches: the
-- first whose `match`, a Lua pattern, is in the answer (status line, headers, body), and whose
-- `dontmatch` is not, gives its `output`; \1 is the first capture. Files of others with the same
-- form can be used instead: they add to the global table `fingerprints`.

local function add(category, paths, matches)
  local probes = {}
  for i, path in ipairs(type(paths) == "table" and paths or { paths }) do
    probes[i] = { path = path, method = "GET" }
  end
  local list = {}
  for i, match in ipairs(matches) do
    list[i] = { match = match[1], output = match[2], dontmatch = match[3] }
  end
  table.insert(fingerprints, { category = category, probes = probes, matches = list })
end

-- A member of a JSON object that is a string.
local function member(name)
  return '"' .. name .. '"%s*:%s*"([^"]*)"'
end

-- Well-known addresses (RFC 8615 and its registry) -------------------------------------------------

add("general", "/robots.txt", { { "[Uu]ser%-[Aa]gent:", "Rules for robots" } })
add("general", "/sitemap.xml", { { "<urlset", "Map of the site" },
  { "<sitemapindex", "Map of the site" } })
add("general", { "/.well-known/security.txt", "/security.txt" },
  { { "[Cc]ontact:%s*(%S+)", "Contact for security: \\1" } })
add("general", "/.well-known/openid-configuration",
  { { member("issuer"), "OpenID provider \\1" } })
add("general", "/.well-known/oauth-authorization-server",
  { { member("issuer"), "OAuth server \\1" } })
add("general", "/.well-known/matrix/server", { { member("m.server"), "Matrix server \\1" } })
add("general", "/.well-known/nodeinfo", { { "nodeinfo.diaspora.software", "NodeInfo" } })
add("general", "/crossdomain.xml", { { "<cross%-domain%-policy", "Cross-domain policy" } })
add("general", { "/openapi.json", "/v3/api-docs", "/swagger.json" }, {
  { member("openapi"), "Description of an API (OpenAPI \\1)" },
  { member("swagger"), "Description of an API (Swagger \\1)" },
})
add("general", { "/swagger-ui/index.html", "/swagger-ui.html" },
  { { "[Ss]wagger", "Description of an API (Swagger UI)" } })

-- Servers and what stands before them ---------------------------------------------------------------

add("server", "/server-status", { { "<title>Apache Status", "Status of Apache" } })
add("server", "/server-info", { { "Apache Server Information", "Configuration of Apache" } })
add("server", { "/nginx_status", "/basic_status", "/stub_status" },
  { { "Active connections:%s*(%d+)", "Status of nginx" } })
add("server", { "/haproxy?stats", "/stats", "/haproxy_stats" },
  { { "HAProxy version ([%w.-]+)", "Statistics of HAProxy \\1" },
    { "Statistics Report for HAProxy", "Statistics of HAProxy" } })
add("server", { "/manager/html", "/host-manager/html" }, {
  { "Tomcat Manager Application", "Manager of Apache Tomcat" },
  { "Tomcat Host Manager Application", "Manager of Apache Tomcat" },
})
add("server", "/docs/RELEASE-NOTES.txt", { { "Apache Tomcat Version ([%d.]+)",
  "Apache Tomcat \\1" } })
add("server", "/console/login/LoginForm.jsp", { { "WebLogic", "Console of WebLogic" } })
add("server", { "/api/version", "/traefik/api/version" },
  { { '"Version"%s*:%s*"([^"]*)".-"Codename"', "Traefik \\1" } })
add("server", { "/status?full", "/fpm-status" }, { { "pool:%s*(%S+)%s*\nprocess manager:",
  "Status of PHP-FPM (pool \\1)" } })
add("server", { "/jolokia/version", "/jolokia" },
  { { '"agent"%s*:%s*"([^"]*)"', "Jolokia \\1, a bridge to JMX" } })
add("server", { "/actuator", "/manage" }, { { '"_links"%s*:.-/health', "Spring Boot Actuator" } })
add("server", "/debug/pprof/", { { "Types of profiles available", "Profiles of a Go program" } })
add("server", "/debug/vars", { { '"memstats"%s*:', "Variables of a Go program" } })
add("server", { "/phpinfo.php", "/info.php" }, {
  { "<title>.-phpinfo%(%).-PHP Version ([%d.]+)", "Output of phpinfo(), PHP \\1" },
  { "phpinfo%(%)</title>", "Output of phpinfo()" },
})

-- Watching -------------------------------------------------------------------------------------------

add("monitoring", { "/api/health", "/grafana/api/health" },
  { { '"database".-"version"%s*:%s*"([^"]*)"', "Grafana \\1" } })
add("monitoring", { "/api/v1/status/buildinfo", "/prometheus/api/v1/status/buildinfo" },
  { { '"version"%s*:%s*"([^"]*)".-"goVersion"', "Prometheus \\1" } })
add("monitoring", "/api/v2/status", { { '"versionInfo".-"version"%s*:%s*"([^"]*)"',
  "Alertmanager \\1" } })
add("monitoring", "/metrics", { { "# HELP ", "Metrics for Prometheus" } })
add("monitoring", { "/zabbix/", "/zabbix/index.php" }, { { "Zabbix SIA", "Zabbix" },
  { "<title>[^<]*Zabbix", "Zabbix" } })
add("monitoring", { "/nagios/", "/nagios3/", "/nagios4/" }, { { "Nagios Core", "Nagios" },
  { "[Rr]ealm=\"[^\"]*Nagios", "Nagios" } })
add("monitoring", { "/icingaweb2/authentication/login", "/icinga/" }, { { "Icinga", "Icinga" } })
add("monitoring", "/cacti/", { { "Login to Cacti", "Cacti" }, { "<title>[^<]*Cacti", "Cacti" } })
add("monitoring", "/munin/", { { "<title>[^<]*Munin", "Munin" } })
add("monitoring", "/netdata/api/v1/info", { { member("version"), "Netdata \\1" } })
add("monitoring", "/api/v1/info", { { '"version"%s*:%s*"([^"]*)".-"uid"', "Netdata \\1" } })
add("monitoring", { "/api/status", "/kibana/api/status" },
  { { '"version".-"number"%s*:%s*"([^"]*)"', "Kibana \\1" } })
add("monitoring", "/check_mk/login.py", { { "Checkmk", "Checkmk" }, { "Check_MK", "Checkmk" } })

-- Data ------------------------------------------------------------------------------------------------

add("database", { "/phpmyadmin/", "/phpMyAdmin/", "/pma/" },
  { { "phpMyAdmin ([%d.]+)", "phpMyAdmin \\1" }, { "phpMyAdmin", "phpMyAdmin" } })
add("database", { "/adminer.php", "/adminer/", "/adminer" },
  { { "Adminer</a>%s*<span class=\"version\">([%d.]+)", "Adminer \\1" },
    { "<title>[^<]*Adminer", "Adminer" } })
add("database", { "/phppgadmin/", "/phpPgAdmin/" }, { { "phpPgAdmin", "phpPgAdmin" } })
add("database", { "/pgadmin4/login", "/pgadmin4/" }, { { "pgAdmin", "pgAdmin 4" } })
add("database", "/solr/admin/info/system?wt=json",
  { { '"solr%-spec%-version"%s*:%s*"([^"]*)"', "Apache Solr \\1" } })
add("database", "/_cat/health", { { "^HTTP.-\n%d+ %d%d:%d%d:%d%d (%S+) ",
  "Elasticsearch, cluster \\1" } })
add("database", "/_utils/", { { "Project Fauxton", "Fauxton of CouchDB" } })
add("database", "/ping", { { "[Xx]%-[Ii]nfluxdb%-[Vv]ersion:%s*(%S+)", "InfluxDB \\1" } })
add("database", "/browser/", { { "Neo4j", "Browser of Neo4j" } })
add("database", { "/minio/health/live", "/minio/login" }, { { "[Ss]erver: MinIO", "MinIO" } })

-- Building, running, keeping --------------------------------------------------------------------------

add("development", { "/login", "/jenkins/login" }, { { "[Xx]%-[Jj]enkins:%s*(%S+)",
  "Jenkins \\1" } })
add("development", { "/users/sign_in", "/gitlab/users/sign_in" },
  { { "<meta content=\"GitLab", "GitLab" }, { "property=\"og:site_name\"[^>]*GitLab", "GitLab" },
    { "content=\"GitLab\"", "GitLab" } })
add("development", { "/api/v1/version", "/gitea/api/v1/version", "/git/api/v1/version" },
  { { '%{%s*"version"%s*:%s*"([^"]*)"%s*%}', "Gitea or Forgejo \\1" } })
add("development", "/api/server/version", { { "\n(%d+%.%d+%.[%d.]+)%s*$", "SonarQube \\1" } })
add("development", { "/service/rest/v1/status", "/nexus/service/local/status" },
  { { "[Ss]erver: Nexus/(%S+)", "Nexus Repository \\1" } })
add("development", "/artifactory/api/system/ping", { { "[Xx]%-Artifactory%-Id:", "Artifactory" },
  { "Server: Artifactory/(%S+)", "Artifactory \\1" } })
add("development", "/v2/", { { "[Dd]ocker%-[Dd]istribution%-[Aa]pi%-[Vv]ersion:",
  "Registry of container images" } })
add("development", "/api/v2.0/systeminfo", { { member("harbor_version"), "Harbor \\1" },
  { '"auth_mode"', "Harbor" } })
add("development", { "/api/system/status", "/api/status" },
  { { '"Version"%s*:%s*"([^"]*)".-"InstanceID"', "Portainer \\1" },
    { '"InstanceID".-"Version"%s*:%s*"([^"]*)"', "Portainer \\1" } })
add("development", "/v1/sys/health", { { '"sealed".-"version"%s*:%s*"([^"]*)"', "Vault \\1" } })
add("development", "/ui/", { { "<title>Consul", "Consul" }, { "<title>Nomad", "Nomad" },
  { "<title>Vault", "Vault" } })
add("development", "/version", {
  { member("gitVersion"), "Kubernetes API \\1" },
  { '"etcdserver"%s*:%s*"([^"]*)"', "etcd \\1" },
})
add("development", "/api", { { '%{%s*"version"%s*:%s*"([^"]*)"%s*%}', "Jupyter \\1" } })
add("development", "/hub/api/", { { '%{%s*"version"%s*:%s*"([^"]*)"%s*%}', "JupyterHub \\1" } })
add("development", { "/health", "/api/v1/health" },
  { { '"metadatabase".-"scheduler"', "Apache Airflow" } })
add("development", "/realms/master", { { '"realm"%s*:%s*"master".-"public_key"', "Keycloak" } })
add("development", "/auth/realms/master", { { '"realm"%s*:%s*"master".-"public_key"',
  "Keycloak" } })
add("development", { "/.git/HEAD", "/.git/config" }, { { "\nref: refs/heads/(%S+)",
  "Repository of Git (branch \\1)" }, { "%[core%]", "Repository of Git" } })
add("development", "/.svn/wc.db", { { "SQLite format 3", "Working copy of Subversion" } })
add("development", "/.hg/requires", { { "revlogv1", "Repository of Mercurial" } })

-- Content and people ----------------------------------------------------------------------------------

add("cms", { "/wp-login.php", "/wordpress/wp-login.php", "/blog/wp-login.php" },
  { { "ver=([%d.]+)[^\n]*login", "WordPress \\1" }, { "wp%-submit", "WordPress" } })
add("cms", { "/administrator/manifests/files/joomla.xml",
  "/joomla/administrator/manifests/files/joomla.xml" },
  { { "<version>([^<]+)</version>", "Joomla \\1" } })
add("cms", { "/core/CHANGELOG.txt", "/CHANGELOG.txt" }, { { "Drupal ([%d.]+),", "Drupal \\1" } })
add("cms", { "/user/login", "/drupal/user/login" },
  { { "[Xx]%-[Gg]enerator: Drupal (%d+)", "Drupal \\1" } })
add("cms", { "/api.php?action=query&meta=siteinfo&format=json",
  "/w/api.php?action=query&meta=siteinfo&format=json",
  "/wiki/api.php?action=query&meta=siteinfo&format=json" },
  { { member("generator"), "\\1" } })
add("cms", { "/login/index.php", "/moodle/login/index.php" }, { { "content=\"moodle", "Moodle" } })
add("cms", { "/status.php", "/nextcloud/status.php", "/owncloud/status.php" },
  { { '"versionstring"%s*:%s*"([^"]*)".-"productname"%s*:%s*"([^"]*)"', "\\2 \\1" } })
add("cms", { "/typo3/", "/typo3/index.php" }, { { "TYPO3 CMS", "TYPO3" } })
add("cms", { "/doku.php", "/dokuwiki/doku.php" }, { { "content=\"DokuWiki", "DokuWiki" } })
add("cms", { "/roundcube/", "/webmail/", "/mail/" },
  { { "Roundcube Webmail", "Roundcube" }, { "SOGo", "SOGo" } })
add("cms", { "/owa/auth/logon.aspx", "/owa/" }, {
  { "/owa/auth/(%d+%.%d+%.%d+)", "Outlook on the web, Exchange \\1" },
  { "[Oo]utlook", "Outlook on the web" },
})
add("cms", "/api/v4/system/ping", { { "[Xx]%-[Vv]ersion%-[Ii]d:%s*(%d+%.%d+%.%d+)",
  "Mattermost \\1" } })
add("cms", "/api/info", { { '%{%s*"version"%s*:%s*"([^"]*)".-"success"', "Rocket.Chat \\1" } })
add("cms", { "/_matrix/federation/v1/version" },
  { { '"name"%s*:%s*"([^"]*)".-"version"%s*:%s*"([^"]*)"', "Matrix: \\1 \\2" } })
add("cms", "/_matrix/client/versions", { { '"versions"%s*:%s*%[', "Matrix" } })
add("cms", { "/System/Info/Public", "/jellyfin/System/Info/Public" },
  { { '"Version"%s*:%s*"([^"]*)".-"ProductName"%s*:%s*"([^"]*)"', "\\2 \\1" } })
add("cms", "/identity", { { 'MediaContainer.-version="([^"]*)"', "Plex Media Server \\1" } })

-- Machines that serve a page about themselves ----------------------------------------------------------

add("device", "/redfish/v1/", { { '"Product"%s*:%s*"([^"]*)"', "Redfish: \\1" },
  { member("RedfishVersion"), "Redfish \\1" } })
add("device", "/xmldata?item=all", { { "<PN>([^<]+)</PN>", "Management processor: \\1" } })
add("device", "/jason_boxinfo.xml", { { "<j:Name>([^<]+)</j:Name>.-<j:Version>([^<]+)<",
  "\\1, version \\2" } })
add("device", "/cgi-bin/authLogin.cgi", {
  { "<displayModelName><!%[CDATA%[([^%]]+)%].-<version><!%[CDATA%[([^%]]+)%]",
    "QNAP \\1, QTS \\2" },
  { "<QDocRoot", "QNAP" },
})
add("device", { "/webman/index.cgi", "/webapi/query.cgi?api=SYNO.API.Info&version=1&method=query" },
  { { "Synology", "Synology" }, { "SYNO%.API%.Auth", "Synology" } })
add("device", "/ISAPI/System/deviceInfo", { { "<model>([^<]+)</model>", "Camera \\1" },
  { "[Rr]ealm=\"IP Camera", "Camera" } })
add("device", "/axis-cgi/basicdeviceinfo.cgi", { { "[Rr]ealm=\"AXIS_", "Axis camera" } })
add("device", "/sdk/vimServiceVersions.xml", { { "urn:vim25.-<version>([^<]+)</version>",
  "VMware vSphere API \\1" } })
add("device", "/api2/json/version", { { "[Ss]erver: pve%-api%-daemon", "Proxmox VE" },
  { '"release"%s*:%s*"([^"]*)"', "Proxmox VE \\1" } })
add("device", "/session_login.cgi", { { "<title>[^<]*Webmin", "Webmin" } })
add("device", { "/admin/", "/admin/index.php" }, { { "Pi%-hole", "Pi-hole" } })
add("device", "/cgi-bin/luci", { { "LuCI", "LuCI of OpenWrt" } })
add("device", "/manifest.json", { { '"name"%s*:%s*"Home Assistant"', "Home Assistant" } })
add("device", "/rest/noauth/health", { { '"status"%s*:%s*"OK"', "Syncthing" } })
add("device", "/transmission/rpc", { { "[Xx]%-[Tt]ransmission%-[Ss]ession%-[Ii]d:",
  "Transmission" }, { "[Rr]ealm=\"Transmission\"", "Transmission" } })
add("device", "/hp/device/DeviceInformation/View", { { "HP", "Printer of HP" } })
add("device", "/DevMgmt/ProductConfigDyn.xml", { { "MakeAndModel>([^<]+)<", "Printer: \\1" } })
add("device", "/rootDesc.xml", { { "<modelName>([^<]+)</modelName>", "UPnP device: \\1" } })
add("device", { "/description.xml", "/api/0/config" },
  { { "<modelName>([^<]+)</modelName>", "UPnP device: \\1" },
    { '"bridgeid"%s*:.-"modelid"%s*:%s*"([^"]*)"', "Bridge of lamps: \\1" } })

-- What should not be there -----------------------------------------------------------------------------

add("leftover", { "/.env", "/.env.local" }, { { "\n[%u_]+=[^<\n]*\n", "Settings of an application",
  "<[Hh][Tt][Mm][Ll]" } })
add("leftover", "/.htpasswd", { { "\n[%w._@-]+:[$%w./{}+]+\n?", "Passwords of Apache",
  "<[Hh][Tt][Mm][Ll]" } })
add("leftover", "/.DS_Store", { { "%z%z%z\1Bud1", "Folder of a Mac" } })
add("leftover", { "/backup.sql", "/dump.sql", "/database.sql" },
  { { "\n%-%- [^\n]*[Dd]ump", "Dump of a database" }, { "CREATE TABLE", "Dump of a database" } })
add("leftover", { "/backup/", "/backups/", "/old/", "/tmp/", "/test/", "/uploads/", "/files/",
  "/logs/", "/log/", "/data/", "/private/", "/config/", "/includes/", "/download/", "/images/" },
  { { "<title>Index of ", "Directory that is listed" },
    { "<title>Directory listing for ", "Directory that is listed" } })
add("leftover", { "/admin/", "/administrator/", "/manage/", "/console/", "/cgi-bin/" },
  { { " 401 ", "Directory with a login" } })
