description = [[
Finds TLS servers that still speak SSL 2, and shows the ciphers that they take. RFC 6176 forbids it:
it can be broken, and with it the TLS of servers that share its key (DROWN, CVE-2016-0800).
]]
---
-- @output
-- | sslv2:
-- |   SSLv2 supported
-- |   ciphers:
-- |     SSL2_RC4_128_WITH_MD5
-- |_    SSL2_DES_192_EDE3_CBC_WITH_MD5

author = "Muster"
license = "Apache-2.0"
categories = { "default", "safe" }

identity = {}
volatile = {}
finding = "high"

local shortport = require "shortport"
local sslcert = require "sslcert"
local sslv2 = require "sslv2"
local stdnse = require "stdnse"

function portrule(host, port)
  return shortport.ssl(host, port) or sslcert.getPrepareTLSWithoutReconnect(port) ~= nil
end

function action(host, port)
  local ciphers = sslv2.test_sslv2(host, port)
  if not ciphers then
    return nil
  end
  local output = stdnse.output_table()
  table.insert(output, "SSLv2 supported")
  output.ciphers = #ciphers > 0 and ciphers or "none"
  return output
end
