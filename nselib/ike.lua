--- IKE (RFC 2409 with RFC 2408, and RFC 7296): a first message, and what a VPN gateway's answer
-- tells.

local comm, ipairs, openssl = require "comm", ipairs, require "openssl"
local pairs, rand, stdnse = pairs, require "rand", require "stdnse"
local string, table, tonumber = string, table, tonumber

local M = {}

local payloads_max = 64

-- Attribute values of IKE (RFC 2409, appendix A; IANA "ipsec-registry").
local encryptions = { des = { 1 }, ["3des"] = { 5 }, ["aes/128"] = { 7, 128 },
  ["aes/192"] = { 7, 192 }, ["aes/256"] = { 7, 256 }, aes = { 7, 128 } }
local hashes = { md5 = 1, sha1 = 2, sha = 2, ["sha2-256"] = 4, sha256 = 4, sha512 = 6 }
local authentications = { psk = 1, dss = 2, rsa = 3, ["rsa-encryption"] = 4, hybrid = 64221,
  xauth = 65001 }
local groups = { ["768"] = 1, ["1024"] = 2, ["1536"] = 5, ["2048"] = 14, ["3072"] = 15,
  ["4096"] = 16, modp768 = 1, modp1024 = 2, modp1536 = 5, modp2048 = 14 }
-- lengths of public values, bytes
local key_sizes = { [1] = 96, [2] = 128, [5] = 192, [14] = 256, [15] = 384, [16] = 512 }

local PAYLOAD = { SA = 1, KE = 4, ID = 5, VENDOR = 13, NONCE = 10, NOTIFY = 11 }
local modes = { Main = 2, Aggressive = 4 }

local function short_attribute(kind, value)
  return string.pack(">I2I2", 0x8000 | kind, value)
end

-- The number behind a name, or the number itself.
local function number_of(names, value)
  return names[string.lower(value)] or tonumber(value) or 0
end

-- One transform: { auth, encryption, hash, group } as names or numbers.
local function transform(item, number, last)
  local encryption = encryptions[string.lower(item.encryption)]
    or { tonumber(item.encryption) or 0 }
  local body = short_attribute(1, encryption[1])
  if encryption[2] then
    body = body .. short_attribute(14, encryption[2])
  end
  body = body .. short_attribute(2, number_of(hashes, item.hash))
    .. short_attribute(3, number_of(authentications, item.auth))
    .. short_attribute(4, number_of(groups, item.group)) .. short_attribute(11, 1)
    .. string.pack(">I2s2", 12, string.pack(">I4", 28800))
  return string.pack(">BBI2BBI2", last and 0 or 3, 0, 8 + #body, number, 1, 0) .. body
end

local function proposal(transforms)
  local out = {}
  for i, item in ipairs(transforms) do
    out[i] = transform(item, i, i == #transforms)
  end
  local body = table.concat(out)
  -- DOI 1 (IPsec), situation: identity; proposal 1, protocol ISAKMP, no SPI
  return string.pack(">I4I4BBI2BBBB", 1, 1, 0, 0, 8 + #body, 1, 1, 0, #transforms) .. body
end

-- Payloads { type, bytes } chained.
local function chain(list)
  local out = {}
  for i, item in ipairs(list) do
    out[i] = string.pack(">BBI2", list[i + 1] and list[i + 1][1] or 0, 0, 4 + #item[2]) .. item[2]
  end
  return table.concat(out)
end

local function message(first, version, exchange, flags, body)
  return rand.random_string(8) .. string.pack(">I8BBBBI4I4", 0, first, version, exchange, flags, 0,
    28 + #body) .. body
end

--- A first message of IKE 1. `mode`: "Main" or "Aggressive". `transforms`: array of { auth,
-- encryption, hash, group }. `diffie` and `id`: of aggressive mode, the group's number and the
-- identity.
function M.request(port, _, mode, transforms, diffie, id)
  local list = { { PAYLOAD.SA, proposal(transforms) } }
  if mode == "Aggressive" then
    local size = key_sizes[diffie] or key_sizes[groups[diffie]] or 128
    list[#list + 1] = { PAYLOAD.KE, rand.random_string(size) }
    list[#list + 1] = { PAYLOAD.NONCE, rand.random_string(20) }
    list[#list + 1] = { PAYLOAD.ID, string.pack(">BBI2", 11, 17, port) .. (id or "") }
  end
  list[#list + 1] = { PAYLOAD.VENDOR, M.vendor_id("RFC 3706") }
  list[#list + 1] = { PAYLOAD.VENDOR, M.vendor_id("RFC 3947") }
  return message(PAYLOAD.SA, 0x10, modes[mode] or modes.Main, 0, chain(list))
end

--- A first message of IKE 2 (IKE_SA_INIT) that proposes AES-CBC-128, HMAC-SHA1, MODP 2048.
function M.request_v2()
  local function part(more, kind, id, attribute)
    attribute = attribute or ""
    return string.pack(">BBI2BBI2", more and 3 or 0, 0, 8 + #attribute, kind, 0, id) .. attribute
  end
  local parts = part(true, 1, 12, "\x80\x0e\0\x80") .. part(true, 2, 2) .. part(true, 3, 2)
    .. part(false, 4, 14)
  local sa = string.pack(">BBI2BBBB", 0, 0, 8 + #parts, 1, 1, 0, 4) .. parts
  local body = string.pack(">BBI2", 34, 0, 4 + #sa) .. sa
    .. string.pack(">BBI2I2I2", 40, 0, 8 + 256, 14, 0) .. rand.random_string(256)
    .. string.pack(">BBI2", 0, 0, 4 + 32) .. rand.random_string(32)
  return message(33, 0x20, 34, 8, body)
end

-- Vendor ids --------------------------------------------------------------------------------------

-- Those that are the MD5 digest of a text (RFC 3947, section 3.1, and the makers' own).
local digests = { "RFC 3947", "FRAGMENTATION", "strongSwan", "KAME/racoon",
  "draft-ietf-ipsec-nat-t-ike-02\n", "draft-ietf-ipsec-nat-t-ike-03", "CISCO-UNITY" }
-- Those that documents give: RFC 3706, draft-ietf-ipsec-isakmp-xauth-06, MS-IKEE 2.2.5.
local fixed = {
  ["RFC 3706"] = "afcad71368a1f1c96b8696fc77570100", ["XAUTH"] = "09002689dfd6b712",
  ["MS NT5 ISAKMPOAKLEY"] = "1e2b516905991c7d7c96fcbfb587e461",
}

-- What an id means: kind (vendor or attribute) and text.
local meanings = {
  ["RFC 3706"] = { "attribute", "Dead Peer Detection v1.0" }, XAUTH = { "attribute", "XAUTH" },
  ["RFC 3947"] = { "attribute", "RFC 3947 NAT-T" },
  ["draft-ietf-ipsec-nat-t-ike-02\n"] = { "attribute", "draft-ietf-ipsec-nat-t-ike-02" },
  ["draft-ietf-ipsec-nat-t-ike-03"] = { "attribute", "draft-ietf-ipsec-nat-t-ike-03" },
  FRAGMENTATION = { "attribute", "Fragmentation" }, strongSwan = { "vendor", "strongSwan" },
  ["KAME/racoon"] = { "vendor", "KAME/racoon" },
  ["MS NT5 ISAKMPOAKLEY"] = { "vendor", "Microsoft Windows" },
}

local known

local function known_ids()
  if not known then
    known = {}
    for name, hex in pairs(fixed) do
      known[name] = stdnse.fromhex(hex)
    end
    for _, text in ipairs(digests) do
      known[text] = openssl.md5(text)
    end
    -- Cisco's has its last bytes for the version
    known["CISCO-UNITY"] = string.sub(known["CISCO-UNITY"], 1, 14) .. "\1\0"
  end
  return known
end

--- The bytes of a vendor id by its name.
function M.vendor_id(name)
  return known_ids()[name]
end

local function meaning_of(id)
  for name, bytes in pairs(known_ids()) do
    -- makers append versions
    if string.sub(id, 1, #bytes) == bytes then
      return meanings[name] or { "vendor", name == "CISCO-UNITY" and "Cisco Unity" or name }
    end
  end
end

-- Answers -----------------------------------------------------------------------------------------

-- The payloads of a message: array of { type, bytes }.
local function payloads_of(packet)
  local out, kind, at = {}, string.byte(packet, 17), 29
  while kind ~= 0 and at + 3 <= #packet and #out < payloads_max do
    local following, _, length = string.unpack(">BBI2", packet, at)
    if length < 4 or at + length - 1 > #packet then
      break
    end
    out[#out + 1] = { kind, string.sub(packet, at + 4, at + length - 1) }
    kind, at = following, at + length
  end
  return out
end

local function insert_new(list, text)
  for _, item in ipairs(list) do
    if item.text == text then
      return
    end
  end
  list[#list + 1] = { text = text }
end

--- What an answer says: { success, version (1 or 2), mode ("Main", "Aggressive", "SA_INIT",
-- "Informational"; nil when it is no IKE), info = { vendor = { vendor = text } or nil, attribs =
-- array of { text } }, vids = array of hex texts, notify = number }. `success`: it takes part, and
-- does not only refuse.
function M.response(packet)
  if #packet < 28 then
    return { success = false }
  end
  local version, exchange = string.byte(packet, 18, 19)
  if version >> 4 < 1 or version >> 4 > 2 or string.unpack(">I4", packet, 25) > #packet then
    return { success = false }
  end
  local names = { [2] = "Main", [4] = "Aggressive", [5] = "Informational", [34] = "SA_INIT",
    [37] = "Informational" }
  local mode = names[exchange]
  local result = { success = mode ~= nil and mode ~= "Informational", version = version >> 4,
    mode = mode, info = { attribs = {} }, vids = {} }
  for _, payload in ipairs(payloads_of(packet)) do
    local kind, bytes = payload[1], payload[2]
    if kind == PAYLOAD.VENDOR or kind == 43 then
      table.insert(result.vids, stdnse.tohex(bytes))
      local meaning = meaning_of(bytes)
      if meaning and meaning[1] == "vendor" then
        result.info.vendor = result.info.vendor or { vendor = meaning[2] }
      elseif meaning then
        insert_new(result.info.attribs, meaning[2])
      end
    elseif kind == PAYLOAD.NOTIFY and #bytes >= 8 then
      result.notify = string.unpack(">I2", bytes, 7)
    elseif kind == 41 and #bytes >= 4 then
      result.notify = string.unpack(">I2", bytes, 3)
    end
  end
  return result
end

--- Sends a message, up to `tries` times (1) when there is no answer, and reads the answer: as
-- `response` gives it.
function M.send_request(host, port, packet, tries)
  local status, data
  for _ = 1, tries or 1 do
    status, data = comm.exchange(host, port, packet, { proto = "udp", timeout = 3000 })
    if status then
      break
    end
  end
  -- an answer repeats our cookie
  if not status or string.sub(data, 1, 8) ~= string.sub(packet, 1, 8) or data == packet then
    return { success = false, reason = not status and data or "another answer" }
  end
  return M.response(data)
end

return M
