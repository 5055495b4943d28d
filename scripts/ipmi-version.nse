description = [[
Shows what a baseboard management controller (BMC, IPMI) tells before a login: versions, ways to
authenticate, whether it knows anonymous or empty users.
]]
---
-- @output
-- | ipmi-version:
-- |   Version:
-- |     IPMI-2.0
-- |   UserAuth: password, md5, md2, null
-- |   PassAuth: auth_msg, auth_user, non_null_user, null_user
-- |_  Level: 1.5, 2.0

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = {}

local asker = require "asker"
local comm = require "comm"
local ipmi = require "ipmi"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.version_port_or_service(623, "asf-rmcp", "udp", { "open", "open|filtered" })

-- A list whose text is one line.
local listed = {
  __tostring = function(list)
    return table.concat(list, ", ")
  end,
}

local function named(info, list)
  local out = {}
  for _, item in ipairs(list) do
    local value = info[item[1]]
    if value == (item[3] ~= "not") then
      out[#out + 1] = item[2]
    end
  end
  return setmetatable(out, listed)
end

local user_auth = {
  { "ipmi_compat_oem_auth", "oem_auth" }, { "ipmi_compat_password", "password" },
  { "ipmi_compat_md5", "md5" }, { "ipmi_compat_md2", "md2" }, { "ipmi_compat_none", "null" },
}
local pass_auth = {
  { "ipmi_user_disable_message_auth", "auth_msg", "not" },
  { "ipmi_user_disable_user_auth", "auth_user", "not" }, { "ipmi_user_non_null", "non_null_user" },
  { "ipmi_user_null", "null_user" }, { "ipmi_user_anonymous", "anonymous_user" },
}
local levels = { { "ipmi_conn_15", "1.5" }, { "ipmi_conn_20", "2.0" } }

function action(host, port)
  local status, reply = comm.exchange(host, port, ipmi.channel_auth_request(), { proto = "udp",
    timeout = 3000, tries = 2 })
  local info = status and ipmi.parse_channel_auth_reply(reply) or {}
  if info.ipmi_command ~= 56 or info.ipmi_completion_code ~= 0 or not info.ipmi_channel then
    return asker.unanswered(port, { "asf-rmcp" }, not status and reply or "another answer")
  end
  nmap.set_port_state(host, port, "open")
  local output = stdnse.output_table()
  output.Version = { info.ipmi_compat_20 and "IPMI-2.0" or "IPMI-1.5" }
  output.UserAuth = named(info, user_auth)
  output.PassAuth = named(info, pass_auth)
  if info.ipmi_compat_20 and info.ipmi_user_kg then
    table.insert(output.PassAuth, 1, "kg_default")
  end
  output.Level = named(info, levels)
  if info.ipmi_oem_id ~= 0 then
    output.OEMID = info.ipmi_oem_id
  end
  if port.version then
    port.version.name, port.version.product = "asf-rmcp", output.Version[1]
    nmap.set_port_version(host, port, "softmatched")
  end
  return output
end
