description = [[
Finds TFTP servers, which give files to anyone who knows their names, by asking for one that is not
there; shows the error that tells some of them apart.
]]
---
-- @output
-- | tftp-version:
-- |   error: File not found
-- |_  code: 1

author = "Muster"
license = "Apache-2.0"
categories = { "version", "discovery", "safe" }

identity = {}
volatile = {}

local asker = require "asker"
local rand = require "rand"
local shortport = require "shortport"
local stdnse = require "stdnse"
local tftp = require "tftp"

portrule = shortport.version_port_or_service(69, "tftp", "udp", { "open", "open|filtered" })

-- Errors that only one server sends, each seen with Debian's package.
local products = {
  { "^file .+ not found for [%x.:]+$", "dnsmasq TFTP" },
}

local function product_of(message)
  for _, entry in ipairs(products) do
    if message:find(entry[1]) then
      return entry[2]
    end
  end
end

-- The server answers from another port than 69 (RFC 1350, section 4): the socket is not connected.
local function ask(host, port, name)
  local socket = nmap.new_socket("udp")
  socket:set_timeout(4000)
  local status, data
  for _ = 1, 2 do
    status, data = socket:sendto(host, port, tftp.read_request(name))
    if status then
      status, data = socket:receive()
    end
    if status then
      break
    end
  end
  socket:close()
  return status and tftp.parse(data) or nil, data
end

function action(host, port)
  local name = rand.random_alpha(12)
  local answer, reason = ask(host, port, name)
  if not answer then
    return asker.unanswered(port, { "tftp" }, reason)
  end
  nmap.set_port_state(host, port, "open")
  local message = (answer.message or ""):gsub("%c", "."):sub(1, 200)
  port.version.name, port.version.product = "tftp", product_of(message)
  nmap.set_port_version(host, port, "softmatched")
  local output = stdnse.output_table()
  if answer.op == tftp.OpCode.ERROR then
    -- the name was random: it is no part of what the server is
    output.error = (message:gsub(name, "NAME"):gsub(" for [%x.:]+$", ""))
    output.code = answer.code
  else
    output.error = "none: it gives files that do not exist"
  end
  return output
end
