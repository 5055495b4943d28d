-- An NTLM challenge for tests of the protocols that carry one. The bytes follow MS-NLMP 2.2.1.2:
-- names of a member of a domain, version 10.0.17763, a clock.
local stdnse = require "stdnse"
local base64 = require "base64"

local M = {}

M.challenge = stdnse.fromhex("4e544c4d53535000 02000000 08000800 38000000 358289e2 0102030405060708"
  .. "0000000000000000 a000a000 40000000 0a0063450000000f 43004f0052005000"
  .. "0200 0800 43004f0052005000 0100 0e00 460049004c0045005300300031000400"
  .. "200063006f00720070002e006500780061006d0070006c0065002e0063006f006d00"
  .. "03003000660069006c0065007300300031002e0063006f00720070002e00650078006100"
  .. "6d0070006c0065002e0063006f006d000500160065007800"
  .. "61006d0070006c0065002e0063006f006d000700080000006dc64717da0100000000")
M.challenge64 = base64.enc(M.challenge)

--- What every script shows of it.
M.text = [[
  Target_Name: CORP
  NetBIOS_Domain_Name: CORP
  NetBIOS_Computer_Name: FILES01
  DNS_Domain_Name: corp.example.com
  DNS_Computer_Name: files01.corp.example.com
  DNS_Tree_Name: example.com
  Product_Version: 10.0.17763]]

return M
