description = [[
Finds mail servers that take mail for foreign domains from anyone. Sixteen ways to write sender and
recipient are tried; no message is sent, each try ends before its text.
]]
---
-- @args smtp-open-relay.domain The domain of sender and recipient; default "example.com".
-- @args smtp-open-relay.from   The sender; default "antispam".
-- @args smtp-open-relay.to     The recipient; default "relaytest".
-- @args smtp-open-relay.ip     The server's address as it is written in addresses; default the target's.
--
-- @output
-- |_smtp-open-relay: Server is an open relay (1/16 tests)

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "intrusive", "external" }

identity = {}
volatile = {}
finding = { accepted = "high" }

local nmap = require "nmap"
local shortport = require "shortport"
local smtp = require "smtp"
local stdnse = require "stdnse"

portrule = shortport.port_or_service({ 25, 465, 587 }, { "smtp", "smtps", "submission" })

-- Sender and recipient of each try, with what stands for the parts: U and F the users, D the
-- foreign domain, S the server's name, I its address.
local tries = {
  { "", "U@D" }, { "F@D", "U@D" }, { "F@S", "U@D" }, { "F@[I]", "U@D" }, { "F@[I]", "U%D@[I]" },
  { "F@[I]", "U%D@S" }, { "F@[I]", '"U@D"' }, { "F@[I]", '"U%D"' }, { "F@[I]", "U@D@[I]" },
  { "F@[I]", '"U@D"@[I]' }, { "F@[I]", "U@D@S" }, { "F@[I]", "@[I]:U@D" }, { "F@[I]", "@S:U@D" },
  { "F@[I]", "D!U" }, { "F@[I]", "D!U@[I]" }, { "F@[I]", "D!U@S" },
}

local function argument(name, default)
  return stdnse.get_script_args(SCRIPT_NAME .. "." .. name) or default
end

-- The server's name is the one that it greets with.
local function parts_of(host, greeting)
  return {
    U = argument("to", "relaytest"), F = argument("from", "antispam"),
    D = argument("domain", "example.com"),
    S = greeting:match("^220[ -](%S+)") or stdnse.get_hostname(host),
    I = argument("ip", host.ip),
  }
end

local function filled(template, parts)
  return (template:gsub("%u", parts))
end

-- True when the server takes the recipient, false when not, nil when it talks no more.
local function is_taken(socket, from, to)
  if not smtp.query(socket, "RSET") then
    return nil
  end
  local status, reply = smtp.query(socket, "MAIL", "FROM:<" .. from .. ">")
  if not status or reply:find("^421") then
    return nil
  elseif not smtp.check_reply("MAIL", reply) then
    return false
  end
  status, reply = smtp.query(socket, "RCPT", "TO:<" .. to .. ">")
  if not status or reply:find("^421") then
    return nil
  end
  return smtp.check_reply("RCPT", reply) == true
end

local connections_max = 6

local function connected(host, port)
  local socket, greeting = smtp.connect(host, port, { ssl = true, recv_before = true })
  if not socket then
    stdnse.debug1("%s", greeting)
    return nil
  elseif not smtp.ehlo(socket, smtp.get_domain(host)) then
    smtp.quit(socket)
    return nil
  end
  return socket, greeting
end

-- The ways that were taken, and how many were tried. Servers end the connection after some errors:
-- the next try is then on a new one.
local function try_all(host, port)
  local taken, count, connections, socket, greeting = {}, 0, 0, nil, nil
  for _, try in ipairs(tries) do
    if not socket and connections < connections_max then
      connections = connections + 1
      socket, greeting = connected(host, port)
    end
    if not socket then
      break
    end
    local parts = parts_of(host, greeting)
    local from, to = filled(try[1], parts), filled(try[2], parts)
    local answer = is_taken(socket, from, to)
    count = count + 1
    if answer then
      taken[#taken + 1] = ("MAIL FROM:<%s> -> RCPT TO:<%s>"):format(from, to)
    elseif answer == nil then
      socket:close()
      socket = nil
    end
  end
  if socket then
    smtp.quit(socket)
  end
  return taken, count
end

function action(host, port)
  local taken, count = try_all(host, port)
  if count == 0 then
    return nil
  end
  local data = stdnse.output_table()
  if #taken == 0 then
    data.result = "Server doesn't seem to be an open relay, all tests failed"
    return data, data.result
  end
  data.result = "Server is an open relay"
  data.accepted = taken
  local text = ("%s (%d/%d tests)"):format(data.result, #taken, count)
  if nmap.verbosity() > 1 then
    text = text .. "\n " .. table.concat(taken, "\n ")
  end
  return data, text
end
