description = [[
Finds servers of medical images (DICOM) and whether they take any station that asks, by its title
alone; shows the implementation that they name.
]]
---
-- @output
-- | dicom-ping:
-- |   dicom: DICOM Service Provider discovered!
-- |   config: Any AET is accepted (Insecure)
-- |_  implementation: OFFIS_DCMTK_367

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "default", "safe", "auth" }

identity = {}
volatile = {}
finding = { ["Any AET is accepted (Insecure)"] = "medium" }

local asker = require "asker"
local dicom = require "dicom"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service({ 104, 2345, 2761, 2762, 4242, 11112 },
  { "dicom", "acr-nema" }, "tcp", "open")

local provider = "DICOM Service Provider discovered!"

function action(host, port)
  local status, answer = dicom.associate(host, port)
  local rejected = not status and answer == "ASSOCIATE REJECT received"
  if not status and not rejected then
    return asker.unanswered(port, { "dicom", "acr-nema" }, answer)
  end
  port.version.name = "dicom"
  port.version.product = status and (answer.version or answer.class_uid) or nil
  nmap.set_port_version(host, port, "softmatched")
  local output = stdnse.output_table()
  -- the words of Nmap's script, by which tools know the result
  output.dicom = provider
  output.config = rejected and "Called AET check enabled" or "Any AET is accepted (Insecure)"
  return output
end
