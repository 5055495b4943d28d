--- Where IRC servers are.
local shortport = require "shortport"

local M = {}

--- A rule for ports that likely speak IRC.
M.portrule = shortport.port_or_service({ 6666, 6667, 6697, 6679, 8067, 6668, 6669, 7000 },
  { "irc", "ircs" })

return M
