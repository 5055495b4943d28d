description = [[
Shows what an IRC server tells a newcomer: its name, software, users, channels, uptime, and what it
takes us for.
]]
---
-- @output
-- | irc-info:
-- |   users: 1
-- |   servers: 1
-- |   lusers: 1
-- |   lservers: 0
-- |   server: irc.example
-- |   version: ngircd-26.1
-- |_  source ident: ~nmap

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = {}
volatile = { "users", "lusers", "uptime", "source ident", "source host", "chans", "ops" }

local comm = require "comm"
local irc = require "irc"
local match = require "match"
local rand = require "rand"
local stdnse = require "stdnse"

portrule = irc.portrule

local lines_max = 200

-- Numeric replies (RFC 2812, section 5) -> what is taken from their text.
local wanted = {
  ["004"] = { { "server", "^%S+ (%S+)" }, { "version", "^%S+ %S+ (%S+)" } },
  ["351"] = { { "version", "^%S+ (%S+)" }, { "server", "^%S+ %S+ (%S+)" } },
  ["242"] = { { "uptime", ":Server [Uu]p (.*%S)" } },
  ["251"] = { { "users", "(%d+) users?" }, { "servers", "on (%d+) servers?" } },
  ["252"] = { { "ops", "^%S+ (%d+)" } }, ["254"] = { { "chans", "^%S+ (%d+)" } },
  ["255"] = { { "lusers", "have (%d+) clients?" }, { "lservers", "and (%d+) servers?" } },
  ["352"] = { { "source ident", "^%S+ %S+ (%S+)" }, { "source host", "^%S+ %S+ %S+ (%S+)" } },
}
local order = { "users", "servers", "ops", "chans", "lusers", "lservers", "server", "version",
  "uptime", "source ident", "source host" }

local function take(found, numeric, text)
  for _, item in ipairs(wanted[numeric] or {}) do
    found[item[1]] = text:match(item[2]) or found[item[1]]
  end
end

-- Talks until the server has answered all: replies into `found`.
local function talk(socket, nick)
  local found, asked = {}, false
  for _ = 1, lines_max do
    local status, line = socket:receive_buf(match.pattern_limit("\r?\n", 2048), false)
    if not status then
      return found
    end
    local token = line:match("^PING (.+)")
    local numeric, text = line:match("^:%S+ (%d%d%d) (.*)$")
    if token then
      socket:send("PONG " .. token .. "\r\n")
    elseif line:find("^ERROR") then
      found.error = line:match("^ERROR :?(.*)$")
      return found
    elseif numeric then
      take(found, numeric, text)
    end
    if not asked and (numeric == "376" or numeric == "422") then
      asked = true
      socket:send(("VERSION\r\nLUSERS\r\nSTATS u\r\nWHO %s\r\nQUIT\r\n"):format(nick))
    end
  end
  return found
end

function action(host, port)
  local nick = rand.random_alpha(9)
  local socket, first = comm.tryssl(host, port,
    ("USER nmap +iw nmap :Muster\r\nNICK %s\r\n"):format(nick), { timeout = 10000 })
  if not socket then
    return nil
  end
  socket:close()
  socket = nmap.new_socket(port.version.service_tunnel == "ssl" and "ssl" or "tcp")
  socket:set_timeout(10000)
  if not (first or ""):find("^:%S+ ") and not (first or ""):find("^PING") then
    return nil
  end
  if not socket:connect(host, port) then
    return nil
  end
  socket:send(("USER nmap +iw nmap :Muster\r\nNICK %s\r\n"):format(nick))
  local found = talk(socket, nick)
  socket:close()
  local output = stdnse.output_table()
  for _, name in ipairs(order) do
    output[name] = found[name]
  end
  return #output > 0 and output or nil
end
