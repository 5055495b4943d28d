description = [[
Shows the algorithms that an SSH server offers: key exchange, host keys, ciphers, message
authentication, compression; and names those that should no longer be offered.
]]
---
-- @output
-- | ssh2-enum-algos:
-- |   kex_algorithms: (2)
-- |   server_host_key_algorithms: (1)
-- |   encryption_algorithms: (6)
-- |   mac_algorithms: (10)
-- |_  compression_algorithms: (2)
--
-- The names stand in the structured output, and with -v in the text, too.

author = "Muster"
license = "Apache-2.0"
categories = { "safe", "discovery" }

identity = {}
volatile = {}

local asker = require "asker"
local nmap = require "nmap"
local shortport = require "shortport"
local ssh2 = require "ssh2"
local stdnse = require "stdnse"

portrule = shortport.ssh

-- Shown name, names in KEXINIT of client to server and server to client (RFC 4253, section 7.1).
local lists = {
  { "kex_algorithms", "kex_algorithms" },
  { "server_host_key_algorithms", "server_host_key_algorithms" },
  { "encryption_algorithms", "encryption_algorithms_client_to_server",
    "encryption_algorithms_server_to_client" },
  { "mac_algorithms", "mac_algorithms_client_to_server", "mac_algorithms_server_to_client" },
  { "compression_algorithms", "compression_algorithms_client_to_server",
    "compression_algorithms_server_to_client" },
}

-- A list with its number as its text: "(2)", and when asked to be verbose the names below.
local function counted(text)
  local names = {}
  for name in text:gmatch("[^,]+") do
    names[#names + 1] = name
  end
  local shown = ("(%d)"):format(#names)
  for _, name in ipairs(nmap.verbosity() > 0 and names or {}) do
    shown = shown .. "\n      " .. name
  end
  return setmetatable(names, { __tostring = function()
    return shown
  end })
end

function action(host, port)
  local status, socket = ssh2.connect(host, port)
  if not status then
    return asker.unanswered(port, { "ssh", plain = true }, socket)
  end
  local offered, reason = ssh2.exchange_kex_init(socket)
  socket:close()
  if not offered then
    return asker.broken_off(reason)
  end
  local output = stdnse.output_table()
  for _, list in ipairs(lists) do
    local there, back = offered[list[2]], offered[list[3] or list[2]]
    if there == back then
      output[list[1]] = counted(there)
    else
      output[list[2]] = counted(there)
      output[list[3]] = counted(back)
    end
  end
  return output
end
