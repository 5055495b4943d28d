description = [[
Shows the shares of a host that speaks SMB 2 or 3, as it lists them to those without an account, and
what such may do there. Nothing is written to find that out: the server tells it itself.
]]
---
-- @output
-- | smb-enum-shares:
-- |   account_used: <blank>
-- |   \\192.0.2.1\public:
-- |     Type: STYPE_DISKTREE
-- |     Comment: For everyone
-- |     Users: 3
-- |     Max Users: <unlimited>
-- |     Path: D:\shares\public
-- |_    Anonymous access: READ

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "intrusive" }

identity = {}
volatile = { "Users" }
finding = { ["Anonymous access"] = "medium" }

local msrpc = require "msrpc"
local smb = require "smb"
local stdnse = require "stdnse"
local v2 = require "smb.v2"

function hostrule(host)
  return smb.get_port(host) ~= nil
end

-- The list as nobody, else as guest: state, shares.
local function list(host)
  for account = 1, v2.accounts_n do
    local status, state = msrpc.start_smb(host, msrpc.SRVSVC_PATH, false, account)
    if status then
      local shares
      status, shares = msrpc.bind(state, msrpc.SRVSVC_UUID, msrpc.SRVSVC_VERSION, nil)
      if status then
        status, shares = msrpc.srvsvc_netshareenumall(state, host.ip)
      end
      if status then
        return state, shares
      end
      stdnse.debug1("%s: %s", state.account_used, shares)
      msrpc.stop_smb(state)
    else
      stdnse.debug1("%s", state)
    end
  end
end

-- Of the rights of the tree: reading data is bit 0, writing bit 1 (MS-SMB2 2.2.13.1.1).
local function access_of(state, name)
  local tree = v2.tree_connect(state.session, name)
  if not tree then
    return nil
  end
  v2.tree_disconnect(state.session, tree)
  local words = { tree.access & 1 ~= 0 and "READ" or nil }
  words[#words + 1] = tree.access & 2 ~= 0 and "WRITE" or nil
  return #words > 0 and table.concat(words, "/") or nil
end

-- What is told of one share: its users and where it lies only by servers that tell anyone.
local function describe(state, host, share, key)
  local item = stdnse.output_table()
  item.Type = msrpc.share_type_name(share.type)
  item.Comment = share.comment
  local known, more = msrpc.srvsvc_netsharegetinfo(state, host.ip, share.name)
  if known then
    item.Users = more.current_users
    item["Max Users"] = more.max_users == 0xffffffff and "<unlimited>" or more.max_users
    item.Path = more.path
  else
    stdnse.debug1("%s: %s", share.name, more)
  end
  -- IPC$ must be open for us to have come here
  item[key] = share.type & 0xff ~= 3 and access_of(state, share.name) or nil
  return item
end

function action(host)
  local state, shares = list(host)
  if not state then
    return nil
  end
  table.sort(shares, function(a, b)
    return a.name < b.name
  end)
  local output = stdnse.output_table()
  output.account_used = state.account_used
  local key = state.account_used == "<blank>" and "Anonymous access" or "Current user access"
  local readable = {}
  for i, share in ipairs(shares) do
    if i > 256 then
      break
    end
    local item = describe(state, host, share, key)
    output[smb.get_fqpn(host, share.name)] = item
    if share.type & 0xff == 0 and (item[key] or ""):find("READ", 1, true) then
      readable[#readable + 1] = share.name
    end
  end
  host.registry.smb_shares_readable = readable -- for smb-ls
  msrpc.stop_smb(state)
  return #shares > 0 and output or nil
end
