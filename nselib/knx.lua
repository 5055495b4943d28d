--- KNXnet/IP (ISO 22510, EN 13321-2): search and description of building automation gateways.

local ipOps, string = require "ipOps", string

local M = {}

--- Service families (ISO 22510, supported service families).
M.knxServiceFamilies = {
  [0x02] = "KNXnet/IP Core", [0x03] = "KNXnet/IP Device Management",
  [0x04] = "KNXnet/IP Tunnelling", [0x05] = "KNXnet/IP Routing",
  [0x06] = "KNXnet/IP Remote Logging", [0x07] = "KNXnet/IP Remote Configuration and Diagnosis",
  [0x08] = "KNXnet/IP Object Server", [0x09] = "KNXnet/IP Secure",
}

--- Description information blocks.
M.knxDibDescriptionTypes = {
  [0x01] = "DIB_DEV_INFO", [0x02] = "DIB_SUPP_SVC_FAMILIES", [0x03] = "DIB_IP_CONFIG",
  [0x04] = "DIB_IP_CUR_CONFIG", [0x05] = "DIB_KNX_ADDRESSES", [0xfe] = "DIB_MFR_DATA",
}

--- Media.
M.knxMediumTypes = {
  [0x01] = "reserved", [0x02] = "KNX TP1", [0x04] = "KNX PL110", [0x08] = "reserved",
  [0x10] = "KNX RF", [0x20] = "KNX IP",
}

--- A request (0x0201 search, 0x0203 description) that asks for the answer at an address and port;
-- 0.0.0.0 and 0: where it came from.
function M.query(service, ip_address, port)
  return string.pack(">BBI2I2BB", 6, 0x10, service, 14, 8, 1)
    .. (ipOps.ip_to_str(ip_address) or "\0\0\0\0") .. string.pack(">I2", port)
end

--- An individual address as area.line.device.
function M.parseKnxAddress(addr)
  return string.format("%d.%d.%d", addr >> 12 & 15, addr >> 8 & 15, addr & 255)
end

--- The header of an answer: its length, version (0x10), service, total length, position after it;
-- nil when it is no KNXnet/IP.
function M.parseHeader(message)
  if #message < 6 or string.sub(message, 1, 2) ~= "\6\x10" then
    return nil
  end
  return string.unpack(">BBI2I2", message)
end

local function text_of(bytes)
  return (string.gsub(string.match(bytes, "^[^%z]*"), "[^\x20-\x7e\xa0-\xff]", "."))
end

local blocks = {
  [0x01] = function(info, body)
    if #body < 52 then
      return
    end
    local medium, status, address, project, serial, multicast, mac, name =
      string.unpack(">BBI2I2c6c4c6c30", body)
    info.device = {
      medium = M.knxMediumTypes[medium] or medium, programming = status & 1 == 1,
      address = M.parseKnxAddress(address), project = project, serial = serial,
      multicast = ipOps.str_to_ip(multicast), mac = mac, name = text_of(name),
    }
  end,
  [0x02] = function(info, body)
    info.services = {}
    for at = 1, #body - 1, 2 do
      local family, version = string.byte(body, at, at + 1)
      info.services[#info.services + 1] = { family = family, version = version,
        name = M.knxServiceFamilies[family] or string.format("family %d", family) }
    end
  end,
}

--- The blocks of a description (0x0204) or search response (0x0202): { device = { medium, address,
-- serial (6 bytes), mac (6 bytes), multicast, name, programming, project }, services = { { name,
-- version } } }; nil when it is none.
function M.parse_description(message)
  local _, _, service, _, at = M.parseHeader(message)
  if service == 0x0202 then
    -- past the control endpoint
    at = at + 8
  elseif service ~= 0x0204 then
    return nil
  end
  local info = {}
  while at + 1 <= #message do
    local length, kind = string.byte(message, at, at + 1)
    if length < 2 or at + length - 1 > #message then
      break
    end
    if blocks[kind] then
      blocks[kind](info, string.sub(message, at + 2, at + length - 1))
    end
    at = at + length
  end
  return info
end

return M
