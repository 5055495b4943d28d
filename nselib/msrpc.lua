--- Remote procedure calls of Windows over named pipes, as far as hosts let one call: shares, sessions and
-- the server's own description, accounts and groups, names of security identifiers, services, the
-- registry, the list of a network's servers. Nothing is changed at the host.
--
--     local status, state = msrpc.start_smb(host, msrpc.SRVSVC_PATH)
--     local status, result = msrpc.bind(state, msrpc.SRVSVC_UUID, msrpc.SRVSVC_VERSION, nil)
--     local status, shares = msrpc.srvsvc_netshareenumall(state, host.ip)
--     msrpc.stop_smb(state)
--
-- Each interface has a file of its own in msrpc/; all their functions are here.

local ipairs, pairs, require = ipairs, pairs, require

local M = {}

for _, part in ipairs({ "core", "srvsvc", "svcctl", "samr", "lsa", "winreg", "rap" }) do
  for name, value in pairs(require("msrpc." .. part)) do
    M[name] = value
  end
end

return M
