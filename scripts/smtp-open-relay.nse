description = [[
Finds mail servers that take mail for foreign domains from anyone. Sixteen ways to write sender and
recipient are tried; no message is sent, each try ends before its text. Recipients that a server may
also take for its own users (example.com!user) are told, but prove nothing.
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

local function is_over(status, reply)
  return not status or reply:find("^421") ~= nil
end

-- True when the server takes the recipient, false when not, nil and the reason when it says
-- neither: with 421 it ends the connection, whatever was asked (RFC 5321, section 3.8).
local function is_taken(socket, from, to)
  local status, reply = smtp.query(socket, "RSET")
  if is_over(status, reply) then
    return nil, reply
  end
  status, reply = smtp.query(socket, "MAIL", "FROM:<" .. from .. ">")
  if is_over(status, reply) then
    return nil, reply
  elseif not smtp.check_reply("MAIL", reply) then
    return false
  end
  status, reply = smtp.query(socket, "RCPT", "TO:<" .. to .. ">")
  if is_over(status, reply) then
    return nil, reply
  end
  return smtp.check_reply("RCPT", reply) == true
end

-- Enough for servers that end the connection after each error; and after how many tries without an
-- answer one that has answered none is left alone.
local connections_max, silent_max = 20, 3

local function connected(host, port)
  local socket, greeting = smtp.connect(host, port, { ssl = true, recv_before = true })
  if not socket then
    return nil, greeting
  end
  local status, reply = smtp.ehlo(socket, smtp.get_domain(host))
  if not status then
    smtp.quit(socket)
    return nil, reply
  end
  return socket, greeting
end

-- The connection that is open, or a new one.
local function connection(session, host, port)
  if not session.socket and session.connections < connections_max then
    session.connections = session.connections + 1
    session.socket, session.greeting = connected(host, port)
    session.reason = not session.socket and session.greeting or session.reason
  end
  return session.socket
end

-- Servers end the connection after some errors: the try that this meets is made again on a new one.
local function make_try(session, host, port, try)
  for _ = 1, 2 do
    if not connection(session, host, port) then
      return nil
    end
    local parts = parts_of(host, session.greeting)
    local from, to = filled(try[1], parts), filled(try[2], parts)
    local answer, reason = is_taken(session.socket, from, to)
    if answer ~= nil then
      return answer, ("MAIL FROM:<%s> -> RCPT TO:<%s>"):format(from, to)
    end
    session.socket:close()
    session.socket, session.reason = nil, tostring(reason):match("^[^\r\n]*")
  end
end

-- A recipient at the foreign domain is no local one, whatever stands before it.
local function is_proof(try)
  return try[2]:find("@D$") ~= nil
end

-- The ways that were taken, in the lists `accepted` and `unproven`, and how many were `answered`.
-- `reason`: why those from some try on were not.
local function try_all(host, port)
  local session = { connections = 0 }
  local out = { accepted = {}, unproven = {}, answered = 0 }
  local silent = 0
  for _, try in ipairs(tries) do
    local answer, way = make_try(session, host, port, try)
    silent = answer == nil and silent + 1 or 0
    out.answered = out.answered + (answer == nil and 0 or 1)
    if answer then
      table.insert(is_proof(try) and out.accepted or out.unproven, way)
    elseif answer == nil and (session.connections == connections_max
      or out.answered == 0 and silent == silent_max) then
      break
    end
  end
  if session.socket then
    smtp.quit(session.socket)
  end
  out.reason = silent > 0 and session.reason or nil
  return out
end

local function show(data, list, answered)
  local text = ("%s (%d/%d tests)"):format(data.result, #list, answered)
  if nmap.verbosity() > 1 then
    text = text .. "\n " .. table.concat(list, "\n ")
  end
  return data, text
end

-- What is no mail server for us: no answers of SMTP, or no greeting for anyone.
local function is_none(found)
  local reason = found.answered == 0 and found.reason or ""
  return reason == "no SMTP reply" or reason:find("^SMTP EHLO was answered: 5") ~= nil
end

function action(host, port)
  local found, data = try_all(host, port), stdnse.output_table()
  if is_none(found) then
    stdnse.debug1("%s", found.reason)
    return nil
  elseif #found.accepted > 0 then
    data.result, data.accepted = "Server is an open relay", found.accepted
    data.unproven = #found.unproven > 0 and found.unproven or nil
    return show(data, found.accepted, found.answered)
  elseif found.reason then
    error(("%d of %d tests were not answered: %s"):format(#tries - found.answered, #tries,
      found.reason), 0)
  elseif #found.unproven > 0 then
    data.result, data.unproven = "Server takes recipients that may be local", found.unproven
    return show(data, found.unproven, found.answered)
  end
  data.result = "Server doesn't seem to be an open relay, all tests failed"
  return data, data.result
end
