description = [[
Names the algorithms of an SSH server that should no longer be offered: broken hashes and ciphers,
short groups, DSA and SHA-1 signatures (RFC 8758, RFC 9142, NIST SP 800-131A).
]]
---
-- @output
-- | ssh-weak-algos:
-- |   key exchange: diffie-hellman-group1-sha1
-- |_  ciphers: 3des-cbc, arcfour

author = "Muster"
license = "Apache-2.0"
categories = { "safe", "vuln", "discovery" }

identity = {}
volatile = {}
finding = "medium"

local asker = require "asker"
local shortport = require "shortport"
local ssh2 = require "ssh2"
local stdnse = require "stdnse"

portrule = shortport.ssh

local lists = {
  { "key exchange", "kex_algorithms", { "^diffie%-hellman%-group1%-", "group%-exchange%-sha1$",
    "^diffie%-hellman%-group14%-sha1$", "^rsa1024" } },
  { "host keys", "server_host_key_algorithms", { "^ssh%-dss", "^ssh%-rsa$",
    "^x509v3%-sign%-dss" } },
  { "ciphers", "encryption_algorithms_server_to_client", { "^arcfour", "^3des", "^des", "^blowfish",
    "^cast128", "^idea", "^none$", "^rijndael%-cbc" } },
  { "message authentication", "mac_algorithms_server_to_client", { "md5", "^hmac%-sha1%-96",
    "^umac%-64", "^none$", "ripemd" } },
}

local function weak(names, patterns)
  local found = {}
  for name in names:gmatch("[^,]+") do
    for _, pattern in ipairs(patterns) do
      if name:find(pattern) then
        found[#found + 1] = name
        break
      end
    end
  end
  return #found > 0 and table.concat(found, ", ") or nil
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
    output[list[1]] = weak(offered[list[2]], list[3])
  end
  return #output > 0 and output or nil
end
