description = [[
Shows the shares of a host that speaks SMB 2 or 3, as it lists them to those without an account, and
what such may do there; with an account what that may do, too. Nothing is written to find that out: the
server tells it itself.
]]
---
-- @args smbusername  The account, else nobody and guest.
-- @args smbpassword  Its password.
-- @args smbhash  Instead of the password: its hash, 32 hexadecimal digits.
-- @args smbdomain  Its domain.
--
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

-- The list as the account of the arguments, else as nobody, else as guest: state, shares.
local function list(host)
  for _, account in ipairs(v2.accounts()) do
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
local function access_of(session, name)
  local tree = v2.tree_connect(session, name)
  if not tree then
    return nil
  end
  v2.tree_disconnect(session, tree)
  local words = { tree.access & 1 ~= 0 and "READ" or nil }
  words[#words + 1] = tree.access & 2 ~= 0 and "WRITE" or nil
  return #words > 0 and table.concat(words, "/") or nil
end

-- What is told of one share: its users and where it lies only by servers that tell anyone.
local function describe(state, host, share)
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
  return item
end

-- What each of the sessions may do there; IPC$ must be open for us to have come here.
local function add_access(item, share, sessions)
  local reads = false
  for _, each in ipairs(share.type & 0xff ~= 3 and sessions or {}) do
    item[each.key] = access_of(each.session, share.name)
    reads = reads or (item[each.key] or ""):find("READ", 1, true)
  end
  return reads
end

-- The session that listed, and before it that of nobody where it is another's.
local function sessions_of(host, state)
  if state.account_used == "<blank>" then
    return { { key = "Anonymous access", session = state.session } }
  end
  local sessions = { { key = "Current user access", session = state.session } }
  local nobody = v2.open(host)
  if nobody then
    table.insert(sessions, 1, { key = "Anonymous access", session = nobody, own = true })
  end
  return sessions
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
  local readable, sessions = {}, sessions_of(host, state)
  for i = 1, math.min(#shares, 256) do
    local share = shares[i]
    local item = describe(state, host, share)
    if add_access(item, share, sessions) and share.type & 0xff == 0 then
      readable[#readable + 1] = share.name
    end
    output[smb.get_fqpn(host, share.name)] = item
  end
  host.registry.smb_shares_readable = readable -- for smb-ls
  for _, each in ipairs(sessions) do
    if each.own then
      v2.close(each.session)
    end
  end
  msrpc.stop_smb(state)
  return #shares > 0 and output or nil
end
