-- dicom-ping on the exchange with DCMTK's storescp, and on others.
local test, check, fake = ...
local script, hex = require "support.script", require("stdnse").fromhex
local port = { number = 104, service = "acr-nema" }
local accepted = hex("0200000000b800010000414e592d5343502020202020202020204543484f53435520202020202020"
  .. "2020000000000000000000000000000000000000000000000000000000000000000010000015312e322e3834302e"
  .. "31303030382e332e312e312e31210000190100000040000011312e322e3834302e31303030382e312e325000003a"
  .. "51000004000040005200001b312e322e3237362e302e373233303031302e332e302e332e362e375500000f4f4646"
  .. "49535f44434d544b5f333637")

test("a server that takes anyone is told, and the association released", function()
  local released
  fake.servers["tcp:104"] = function(peer)
    check.contains(peer:recv(), "ANY-SCP         ECHOSCU         ")
    peer:send(accepted:sub(1, 50))
    peer:send(accepted:sub(51))
    released = peer:recv()
    check.equal(released, hex "05000000000400000000")
  end
  check.equal(script.run("dicom-ping", port), [[
  dicom: DICOM Service Provider discovered!
  config: Any AET is accepted (Insecure)]])
  check.equal(fake.stored(104).version.product, "OFFIS_DCMTK_367")
end)

test("one that refuses is told as such", function()
  fake.servers["tcp:104"] = script.server({ { "", hex "03000000000400010107" } })
  local _, data = script.run("dicom-ping", port)
  check.same(data, { dicom = "DICOM Service Provider discovered!",
    config = "Called AET check enabled" })
end)

test("aborts, other protocols, lies about lengths and silence give none", function()
  for _, answer in ipairs({ hex "07000000000400000000", "HTTP/1.1 400 Bad Request\r\n\r\n",
    hex "0200ffffffff", hex "020000000004", false }) do
    fake.servers["tcp:104"] = script.server({ { "", answer } })
    check.equal(script.run("dicom-ping", port), nil)
  end
end)
