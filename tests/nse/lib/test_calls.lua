-- What Nmap's own scripts ask of our libraries, and our scripts do not.
local test, check = ...

local rpc, stdnse = require "rpc", require "stdnse"

test("rpc: a call without a procedure is one of the null procedure", function()
  local comm = rpc.Comm:new("rpcbind", 2)
  comm.proto = "tcp"
  check.equal(stdnse.tohex(comm:EncodePacket(17)), "80000028" .. "00000011" .. "00000000"
    .. "00000002" .. "000186a0" .. "00000002" .. "00000000" .. string.rep("00", 16))
end)
