description = [[
Shows what a mail server says to EHLO and HELP: its name, its extensions, its commands.
]]
---
-- @args smtp.domain  The name that we greet with.
--
-- @output
-- | smtp-commands: mail.example Hello client [192.0.2.9], SIZE 52428800, PIPELINING, STARTTLS, HELP
-- |_ Commands supported: AUTH STARTTLS HELO EHLO MAIL RCPT DATA NOOP QUIT RSET HELP

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = {}
volatile = {}

local asker = require "asker"
local shortport = require "shortport"
local smtp = require "smtp"
local stdnse = require "stdnse"

portrule = shortport.port_or_service({ 25, 465, 587 }, { "smtp", "smtps", "submission" })

-- The texts of a reply's lines, joined.
local function text_of(reply)
  local lines = {}
  for line in reply:gmatch("[^\r\n]+") do
    lines[#lines + 1] = line:match("^%d%d%d[%- ]?(.*)$") or line
  end
  return table.concat(lines, ", ")
end

-- The server's greeting to us, without our name and address, which are another sensor's tomorrow:
-- "mail.example Hello scanner.example [192.0.2.9], pleased to meet you".
local function impersonal(socket, text)
  local _, ours = socket:get_info()
  local from, last = text:find("[" .. (ours or "?") .. "]", 1, true)
  if not from then
    from, last = text:find("[IPv6:" .. (ours or "?") .. "]", 1, true)
  end
  local hello = from and text:sub(1, from - 1):match("^(.-[Hh]ello ).*$")
  return hello and hello .. "..." .. text:sub(last + 1) or text
end

function action(host, port)
  local socket, greeting = smtp.connect(host, port, { ssl = true, timeout = 10000 })
  if not socket then
    return asker.unanswered(port, { "smtp", "smtps", "submission" }, greeting)
  end
  local lines = {}
  local status, reply = smtp.ehlo(socket, smtp.get_domain(host))
  if greeting:find("^421") or not status and tostring(reply):find("answered: 421") then
    socket:close()
    asker.check_busy(greeting:find("^421") and greeting or reply, "")
  end
  if status then
    lines[1] = impersonal(socket, text_of(reply))
  elseif greeting:find("^220") and asker.is_loss(reply) then
    socket:close()
    return asker.broken_off(reply)
  end
  status, reply = smtp.help(socket)
  if status then
    lines[#lines + 1] = " " .. text_of(reply):gsub("^,? ?", ""):gsub(":, ",
      ": "):gsub("^Commands supported:,?%s*",
      "Commands supported: ")
  end
  smtp.quit(socket)
  -- whoever does not like the question says so
  if not status and reply == "TIMEOUT" then
    return asker.broken_off(reply)
  end
  return #lines > 0 and table.concat(lines, "\n") or nil
end
