description = [[
Looks for files that should never be served: keys, environment files, database dumps, status pages,
histories. Each is known by its content, not by the status alone.
]]
---
-- @args http-exposed-files.path  The directory of the web application ("/").
--
-- @output
-- | http-exposed-files:
-- |   /.env: settings of an application
-- |_  /phpinfo.php: output of phpinfo()

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe", "vuln" }

identity = {}
volatile = {}
finding = "high"

local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.http

local files = {
  { ".env", "^[%w_#%s]+=[^<]*$", "settings of an application" },
  { ".svn/entries", "^%d+%s*\n", "working copy of Subversion" },
  { ".hg/requires", "^revlogv1", "repository of Mercurial" },
  { ".DS_Store", "^%z%z%z\1Bud1", "folder of a Mac" },
  { ".htpasswd", "^[%w._@-]+:[%$%w./{}+]+", "passwords of Apache" },
  { ".bash_history", "^[^<]*\n", "history of a shell" },
  { "id_rsa", "^%-%-%-%-%-BEGIN [%u ]*PRIVATE KEY", "private key of SSH" },
  { "server.key", "^%-%-%-%-%-BEGIN [%u ]*PRIVATE KEY", "private key" },
  { "backup.sql", "^%-%- .-[Dd]ump", "dump of a database" },
  { "dump.sql", "^%-%- .-[Dd]ump", "dump of a database" },
  { "phpinfo.php", "<title>phpinfo%(%)", "output of phpinfo()" },
  { "info.php", "<title>phpinfo%(%)", "output of phpinfo()" },
  { "server-status", "<title>Apache Status", "status of Apache" },
  { "actuator/env", '"propertySources"', "settings of a Spring application" },
  { "debug/vars", '"memstats"', "variables of a Go program" },
}

function action(host, port)
  local base = (stdnse.get_script_args(SCRIPT_NAME .. ".path") or "/"):gsub("/?$", "/")
  local all
  for _, file in ipairs(files) do
    all = http.pipeline_add(base .. file[1], { redirect_ok = false }, all)
  end
  local output, any = stdnse.output_table(), false
  for i, response in ipairs(http.pipeline_go(host, port, all) or {}) do
    local file, body = files[i], response.body or ""
    local kind = response.header and response.header["content-type"] or ""
    local page = kind:find("text/html", 1, true) and not file[2]:find("^<")
    if response.status == 200 and not page and body:find(file[2]) then
      output[base .. file[1]], any = file[3], true
    end
  end
  return any and output or nil
end
