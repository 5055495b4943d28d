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

local asker = require "asker"
local comm = require "comm"
local irc = require "irc"
local rand = require "rand"
local stdnse = require "stdnse"

portrule = irc.portrule

local lines_max, line_max = 200, 8192

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

-- Does an ERROR tell of something that passes: too many clients, or one that is back too soon?
local function passes(line)
  local text = line:lower()
  for _, piece in ipairs({ "throttl", "too fast", "too many", "too soon", "full", "try again" }) do
    if text:find(piece, 1, true) then
      return true
    end
  end
  return false
end

-- The next line: `buffer.text` is what came already. Or nil and the reason.
local function next_line(socket, buffer)
  local at = buffer.text:find("\n", 1, true)
  while not at do
    local status, data = socket:receive()
    if not status then
      return nil, data
    elseif #buffer.text > line_max then
      return nil, "no line ends"
    end
    buffer.text = buffer.text .. data
    at = buffer.text:find("\n", 1, true)
  end
  local line = buffer.text:sub(1, at - 1):gsub("\r$", "")
  buffer.text = buffer.text:sub(at + 1)
  return line
end

-- Talks until the server has answered all: replies into `found`. The reason why it did not, or nil.
local function talk(socket, nick, first, found)
  local buffer, asked, answered = { text = first }, false, false
  for _ = 1, lines_max do
    local line, reason = next_line(socket, buffer)
    if not line then
      -- after QUIT the server ends the connection
      return not (answered and reason == "EOF") and reason or nil
    end
    local token = line:match("^PING (.+)")
    local numeric, text = line:match("^:%S+ (%d%d%d) (.*)$")
    if token then
      socket:send("PONG " .. token .. "\r\n")
    elseif line:find("^ERROR") then
      return not asked and passes(line) and line or nil
    elseif numeric then
      take(found, numeric, text)
      answered = asked
    end
    if not asked and (numeric == "376" or numeric == "422") then
      asked = true
      socket:send(("VERSION\r\nLUSERS\r\nSTATS u\r\nWHO %s\r\nQUIT\r\n"):format(nick))
    end
  end
end

local function is_irc(text)
  return text:find("^:%S+ ") or text:find("^PING") or text:find("^NOTICE ") or text:find("^ERROR ")
end

function action(host, port)
  local nick = rand.random_alpha(9)
  local socket, first = comm.tryssl(host, port,
    ("USER nmap +iw nmap :Muster\r\nNICK %s\r\n"):format(nick), { timeout = 10000, lines = 1 })
  if not socket then
    return asker.unanswered(port, { "irc", "ircs" }, first)
  elseif not is_irc(first) then
    socket:close()
    return nil
  end
  local found = {}
  local reason = talk(socket, nick, first, found)
  socket:close()
  if reason then
    error(reason, 0)
  end
  local output = stdnse.output_table()
  for _, name in ipairs(order) do
    output[name] = found[name]
  end
  return #output > 0 and output or nil
end
