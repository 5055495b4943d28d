-- ike-version on the exchange with strongSwan, and on others.
local test, check, fake = ...
local script, ike = require "support.script", require "ike"
local hex = require("stdnse").fromhex
local port = { number = 500, service = "isakmp", protocol = "udp" }

-- What charon answers to main mode and to IKE_SA_INIT, without our cookie.
local main = hex("a2fedd4efee237d50110020000000000000000880d00003800000001000000010000002c0101000100"
  .. "0000241701000080010007800e0080800200028004000280030001800b0001800c70800d00000c09002689dfd6b7"
  .. "120d000014afcad71368a1f1c96b8696fc77570100000000144a131c81070358455c5728f20e95452f")
local refused = hex "70b8cb96f5a5f9a2292022200000000000000024000000080000000e"

local function server(first, second)
  return function(peer)
    local request = peer:recv()
    while request do
      local answer = request:byte(18) == 0x20 and second or first
      if answer and (first or request:byte(18) ~= 0x10) then
        peer:send(request:sub(1, 8) .. answer)
      end
      request = peer:recv()
    end
  end
end

test("features and versions are shown", function()
  fake.servers["udp:500"] = server(main, refused)
  check.equal(script.run("ike-version", port), [[
  attributes: 
    XAUTH
    Dead Peer Detection v1.0
    RFC 3947 NAT-T
  versions: IKEv1, IKEv2]])
end)

test("a lost datagram is no change", function()
  fake.servers["udp:500"] = server(main, refused)
  local _, data = script.run("ike-version", port)
  fake.servers["udp:500"] = script.lossy(server(main, refused), function(request)
    return request
  end)
  check.same(select(2, script.run("ike-version", port)), data)
  fake.servers["udp:500"] = script.lossy(server(main, refused), function(request)
    return request:sub(18)
  end)
  check.same(select(2, script.run("ike-version", port)), data)
end)

test("a maker is known by its vendor id, with a version behind it too", function()
  local id = ike.vendor_id("strongSwan") .. "\5\9"
  local body = string.pack(">BBI2", 0, 0, 4 + #id) .. id
  fake.servers["udp:500"] = server("12345678\x0d\x10\2\0\0\0\0\0" .. string.pack(">I4", 28 + #body)
    .. body)
  local _, data = script.run("ike-version", port)
  check.same(data, { vendor_id = "strongSwan", versions = "IKEv1" })
  check.equal(fake.stored(500).version.product, "strongSwan")
end)

test("a gateway of IKE 2 alone", function()
  fake.servers["udp:500"] = server(nil, refused)
  local _, data = script.run("ike-version", port)
  check.same(data, { versions = "IKEv2" })
end)

test("echoes, cut answers, other protocols and silence give none", function()
  for _, answer in ipairs({ false, "", ("x"):rep(40), main }) do
    fake.servers["udp:500"] = script.server({ { "", answer } })
    check.equal(script.run("ike-version", port), nil)
  end
  fake.servers["udp:500"] = function(peer)
    local request = peer:recv()
    while request do
      peer:send(request)
      request = peer:recv()
    end
  end
  check.equal(script.run("ike-version", port), nil)
end)

test("the digests of vendor ids are those of the documents", function()
  check.equal(ike.vendor_id("FRAGMENTATION"), hex "4048b7d56ebce88525e7de7f00d6c2d3")
  check.equal(ike.vendor_id("RFC 3947"), hex "4a131c81070358455c5728f20e95452f")
end)
