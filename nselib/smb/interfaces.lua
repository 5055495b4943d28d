--- RPC interfaces behind named pipes: of each NAME the UUID as it goes over the wire, its version and
-- its pipe, as NAME_UUID, NAME_VERSION and NAME_PATH ([MS-SAMR] 1.9, [MS-LSAD] 1.9, [MS-RRP] 1.9,
-- [MS-SCMR] 1.9, [MS-RPRN] 1.9, [MS-SRVS] 1.9, [MS-WKST] 1.9, [MS-TSCH] 1.9, [MS-RRASM] 1.9, [MS-DNSP]
-- 1.9; C706, appendix O for the endpoint mapper).

local pairs, stdnse, string, tonumber = pairs, require "stdnse", string, tonumber

local interfaces = {
  SAMR = { "12345778-1234-abcd-ef00-0123456789ac", 1, "\\samr" },
  LSA = { "12345778-1234-abcd-ef00-0123456789ab", 0, "\\lsarpc" },
  WINREG = { "338cd001-2244-31f1-aaaa-900038001003", 1, "\\winreg" },
  SVCCTL = { "367abb81-9844-35f1-ad32-98f038001003", 2, "\\svcctl" },
  SPOOLSS = { "12345678-1234-abcd-ef00-0123456789ab", 1, "\\spoolss" },
  SRVSVC = { "4b324fc8-1670-01d3-1278-5a47bf6ee188", 3, "\\srvsvc" },
  WKSSVC = { "6bffd098-a112-3610-9833-46c3f87e345a", 1, "\\wkssvc" },
  ATSVC = { "1ff70682-0a51-30e8-076d-740be8cee98b", 1, "\\atsvc" },
  EPMAPPER = { "e1af8308-5d1f-11c9-91a4-08002b14a0fa", 3, "\\epmapper" },
  DNSSERVER = { "50abc2a4-574d-40b3-9d66-ee4fd5fba076", 5, "\\dnsserver" },
  RASRPC = { "20610036-fa22-11cf-9823-00a0c911e5df", 1, "\\ROUTER" },
  ROUTER = { "8f09f000-b7ed-11ce-bbd2-00001a181cad", 0, "\\ROUTER" },
}

-- Three numbers in little endian, then bytes (C706, appendix A).
local function wire(uuid)
  local a, b, c, rest = string.match(uuid, "^(%x+)-(%x+)-(%x+)-(.+)$")
  return string.pack("<I4I2I2", tonumber(a, 16), tonumber(b, 16), tonumber(c, 16))
    .. stdnse.fromhex((string.gsub(rest, "-", "")))
end

local M = {}
for name, interface in pairs(interfaces) do
  M[name .. "_UUID"], M[name .. "_VERSION"], M[name .. "_PATH"] = wire(interface[1]),
    interface[2], interface[3]
end

return M
