description = [[
Shows the version of a Nagios remote plugin executor (NRPE) that answers us.
]]
---
-- @output
-- | nrpe-info:
-- |   Version: 4.1.0
-- |_  TLS: false

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe", "version" }

identity = {}
volatile = {}
-- Whom it answers at all, it lets run its checks.
finding = "low"

local asker = require "asker"
local comm = require "comm"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(5666, { "nrpe", "nrpe-s" }, "tcp")

-- The CRC-32 of ISO 3309, as zlib's.
local function crc32(data)
  local crc = 0xffffffff
  for i = 1, #data do
    crc = crc ~ data:byte(i)
    for _ = 1, 8 do
      crc = crc & 1 == 1 and crc >> 1 ~ 0xedb88320 or crc >> 1
    end
  end
  return ~crc & 0xffffffff
end

-- A packet of version 2 (NRPE's common.h): version, type, CRC, result, 1024 bytes of text, two more.
local function packet(text)
  local function with(crc)
    return string.pack(">I2I2I4I2c1024c2", 2, 1, crc, 0, text, "")
  end
  return with(crc32(with(0)))
end

function action(host, port)
  local socket, answer, protocol = comm.tryssl(host, port, packet("_NRPE_CHECK"), { timeout = 5000 })
  if not socket then
    return asker.unanswered(port, { "nrpe", "nrpe-s" }, answer)
  end
  socket:close()
  if #answer < 12 then
    return nil
  end
  local _, kind, _, _ = string.unpack(">I2I2I4I2", answer)
  local version = answer:sub(11):match("^NRPE v([%w.+~-]+)")
  if kind ~= 2 or not version then
    return nil
  end
  local output = stdnse.output_table()
  output.Version = version
  output.TLS = protocol == "ssl"
  port.version.name, port.version.product, port.version.version = "nrpe", "Nagios NRPE", version
  nmap.set_port_version(host, port)
  return output
end
