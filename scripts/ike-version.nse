description = [[
Shows what an IKE service (IPsec gateways, VPN concentrators) tells with its first answer: versions,
maker and features from its vendor ids. Sends up to four first messages of IKE 1 and one of IKE 2.
]]
---
-- @output
-- | ike-version:
-- |   vendor_id: strongSwan
-- |   attributes:
-- |     Dead Peer Detection v1.0
-- |     XAUTH
-- |_  versions: IKEv1, IKEv2

author = "Muster"
license = "Apache-2.0"
categories = { "version", "default", "discovery", "safe" }

identity = {}
volatile = {}

local asker = require "asker"
local ike = require "ike"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.version_port_or_service(500, "isakmp", "udp", { "open", "open|filtered" })

-- What gateways of the last decades take.
local function proposals(auth)
  local list = {}
  for _, group in ipairs({ "2048", "1536", "1024" }) do
    for _, encryption in ipairs({ "aes/256", "aes/128", "3des" }) do
      for _, hash in ipairs({ "sha256", "sha1", "md5" }) do
        list[#list + 1] = { auth = auth, encryption = encryption, hash = hash, group = group }
      end
    end
  end
  return list
end

local function requests(port)
  local aggressive = { { auth = "psk", encryption = "3des", hash = "sha1", group = "1024" },
    { auth = "xauth", encryption = "3des", hash = "sha1", group = "1024" } }
  return {
    ike.request(port.number, "udp", "Main", proposals("psk")),
    ike.request(port.number, "udp", "Main", proposals("rsa")),
    ike.request(port.number, "udp", "Aggressive", aggressive, 2, "vpngroup"),
    ike.request_v2(),
  }
end

-- A notification that refuses the proposal tells that IKE is spoken, and little more.
local function better(a, b)
  return not a or #b.vids > #a.vids
end

function action(host, port)
  local best, versions, seen, reason = nil, {}, {}, nil
  for _, request in ipairs(requests(port)) do
    -- one that has answered in IKE 1 is not asked in it again
    local version = request:byte(18) >> 4
    if version == 2 or not best or #best.vids == 0 then
      -- datagrams get lost; a gateway that has answered is worth more of them
      local answer = ike.send_request(host, port, request, best and 3 or 2)
      reason = reason or answer.reason
      if answer.mode and not seen[answer.version] then
        seen[answer.version] = true
        versions[#versions + 1] = "IKEv" .. answer.version
      end
      if answer.mode and better(best, answer) then
        best = answer
      end
    end
  end
  if not best then
    return asker.unanswered(port, { "isakmp" }, reason)
  end
  nmap.set_port_state(host, port, "open")
  local output = stdnse.output_table()
  local attributes = {}
  for i, attribute in ipairs(best.info.attribs) do
    attributes[i] = attribute.text
  end
  output.vendor_id = best.info.vendor and best.info.vendor.vendor
  output.attributes = #attributes > 0 and attributes or nil
  output.versions = table.concat(versions, ", ")
  port.version.name, port.version.product = "isakmp", output.vendor_id
  nmap.set_port_version(host, port, "softmatched")
  return output
end
