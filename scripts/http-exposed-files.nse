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

local api = require "http.api"
local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.http

-- What stands at the beginning of a file is enough: a dump may be longer than any answer is read.
local kept_max = 65536

-- Commands of which any history has some.
local commands = {}
for name in ([[apt apt-get awk bash cat cd chmod chown clear cp curl df docker echo env exit export
  find git grep history htop ifconfig ip journalctl kill kubectl less ls make man mkdir more mount
  mv mysql mysqldump nano netstat npm passwd php ping pip ps psql python python3 reboot rm rsync
  scp screen sed service sh source ssh ssh-keygen su sudo systemctl tail tar tmux top touch unzip
  vi vim wget whoami yum dnf]]):gmatch("%S+") do
  commands[name] = true
end

-- Has the text two lines at least for which holds(line) is true?
local function has_lines(text, holds)
  local n = 0
  for line in text:gmatch("[^\r\n]+") do
    n = n + (holds(line) and 1 or 0)
    if n == 2 then
      return true
    end
  end
  return false
end

local function is_history(text)
  return not text:find("^%s*[<{]") and has_lines(text, function(line)
    return commands[line:match("^%s*([%w-]+)") or ""]
  end)
end

local function is_settings(text)
  return not text:find("^%s*[<{]") and has_lines(text:gsub("%f[%w]export%s+", ""), function(line)
    return line:find("^%s*[%a_][%w_]*%s*=")
  end)
end

-- Files, and what tells them: a pattern of their content, or a function.
local files = {
  { ".env", is_settings, "settings of an application" },
  { ".svn/entries", "^%d+%s*\n", "working copy of Subversion" },
  { ".hg/requires", "^revlogv1", "repository of Mercurial" },
  { ".DS_Store", "^%z%z%z\1Bud1", "folder of a Mac" },
  { ".htpasswd", "^[%w._@-]+:[%$%w./{}+]+", "passwords of Apache" },
  { ".bash_history", is_history, "history of a shell" },
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

-- Is a response the file that `mark` tells, and not a page about it?
local function is_file(response, mark)
  local kind, body = response.header and response.header["content-type"] or "", response.body or ""
  local is_pattern = type(mark) == "string"
  if kind:find("text/html", 1, true) and not (is_pattern and mark:find("^<")) then
    return false
  end
  return is_pattern and body:find(mark) ~= nil or not is_pattern and mark(body)
end

function action(host, port)
  local base = (stdnse.get_script_args(SCRIPT_NAME .. ".path") or "/"):gsub("/?$", "/")
  -- where missing pages cannot be told from others, no file can
  local ok, missing, known = api.identify_404(host, port)
  if not ok then
    return nil
  end
  local all
  for _, file in ipairs(files) do
    all = http.pipeline_add(base .. file[1], { redirect_ok = false, max_body_size = kept_max,
      truncated_ok = true }, all)
  end
  local output, any = stdnse.output_table(), false
  for i, response in ipairs(api.all(host, port, all)) do
    local name, mark, text = table.unpack(files[i])
    if response.status == 200 and http.page_exists(response, missing, known)
      and is_file(response, mark) then
      output[base .. name], any = text, true
    end
  end
  return any and output or nil
end
