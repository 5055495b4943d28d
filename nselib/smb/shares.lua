--- The shares of a host and what may be done with them. smb has the functions with share_ before their
-- names.

local ipairs, msrpc, require, smb = ipairs, require "msrpc", require, require "smb"
local smbauth, table, type, v2 = require "smbauth", table, type, require "smb.v2"

local M = {}

local shares_max = 256

-- Names that are tried where a host lists none.
local usual = { "IPC$", "ADMIN$", "C$", "D$", "print$", "public", "pub", "share", "shared", "data",
  "files", "users", "home", "homes", "backup", "NETLOGON", "SYSVOL" }

-- A share's details as scripts know them.
local function details_of(told, listed)
  return {
    name = told.name, comment = told.comment, path = told.path, type = told.type,
    sharetype = msrpc.share_type_name(listed and listed.type or told.type),
    current_users = told.current_users,
    max_users = told.max_users == 0xffffffff and "<unlimited>" or told.max_users,
  }
end

local function listing(host)
  return msrpc.on_pipe(host, "SRVSVC", function(state)
    local status, shares = msrpc.srvsvc_netshareenumall(state, host.ip)
    if not status then
      return false, shares
    end
    for i, share in ipairs(shares) do
      local known, told = msrpc.srvsvc_netsharegetinfo(state, host.ip, share.name)
      shares[i] = { name = smb.get_fqpn(host, share.name), details = known and details_of(told, share) or told,
        kind = share.type & 0xff }
    end
    return true, shares
  end)
end

-- What a session may do with a share: reads, writes; nil, nil, reason.
local function access(session, name)
  local tree, reason = v2.tree_connect(session, name)
  if not tree then
    return nil, nil, reason
  end
  local reads, writes = true, true -- a pipe has two directions
  if tree.kind == 1 then
    reads, writes = v2.access(session, tree)
    reason = writes
  end
  v2.tree_disconnect(session, tree)
  if reads == nil then
    return nil, nil, reason
  end
  return reads, writes
end

-- Fills in who_can_read and who_can_write of each share by one session.
local function try(session, shares, who)
  for _, share in ipairs(shares) do
    local reads, writes, reason = access(session, share.name)
    share[who .. "_can_read"] = reads
    share[who .. "_can_write"] = writes
    if reason and type(share.details) ~= "table" and who == "user" then
      share.user_can_write = nil
      share.reason = reason
    end
  end
end

local function try_all(host, shares)
  local nobody = v2.open(host)
  if nobody then
    try(nobody, shares, "anonymous")
    v2.close(nobody)
  end
  local _, username = smb.get_account(host)
  local session = username ~= "" and v2.open_any(host)
  if session then
    try(session, shares, "user")
    v2.close(session)
  end
end

-- The shares with usual names that are there.
local function guess(host)
  local session, reason = v2.open_any(host)
  if not session then
    return nil, reason
  end
  local found = {}
  for _, name in ipairs(usual) do
    local tree, why = v2.tree_connect(session, name)
    if tree then
      v2.tree_disconnect(session, tree)
    end
    if tree or why == "NT_STATUS_ACCESS_DENIED" then
      found[#found + 1] = { name = smb.get_fqpn(host, name), details = "access denied" }
    end
  end
  v2.close(session)
  return found
end

--- All shares: `true, { { name, details (table, or why there are none), anonymous_can_read,
-- anonymous_can_write, user_can_read, user_can_write }, ... }, a note`, or `false, reason`. Nothing is
-- written to find out.
function M.get_list(host)
  smbauth.init_account(host)
  local status, shares = listing(host)
  local note = ""
  if not status then
    local found, reason = guess(host)
    if not found then
      return false, reason
    end
    note = ("ERROR: Enumerating shares failed, guessing at common ones (%s)"):format(shares)
    shares = found
  end
  table.sort(shares, function(a, b)
    return a.name < b.name
  end)
  shares[shares_max + 1] = nil
  try_all(host, shares)
  return true, shares, note
end

--- What the host tells of one share: `true, { name, details }` or `false, reason`; details is a text
-- where it tells nothing.
function M.get_details(host, name)
  local session, reason = v2.open_any(host)
  if not session then
    return false, reason
  end
  local tree, why = v2.tree_connect(session, name)
  v2.close(session)
  if not tree then
    return why == "NT_STATUS_ACCESS_DENIED", why == "NT_STATUS_ACCESS_DENIED"
      and { name = name, details = why } or why
  end
  local told
  local status, result = msrpc.on_pipe(host, "SRVSVC", function(state)
    local ok
    ok, told = msrpc.srvsvc_netsharegetinfo(state, host.ip, name)
    return true, ok and details_of(told) or told
  end)
  if not status then
    return false, result
  end
  return true, { name = name, details = result }
end

--- A disk share where we may write: `true, its full name, path (nil when it is not told), full names of
-- all` or `false, reason`.
function M.find_writable(host)
  local status, shares = M.get_list(host)
  if not status then
    return false, shares
  end
  local names, first = {}, nil
  for _, share in ipairs(shares) do
    if (share.anonymous_can_write or share.user_can_write) and share.kind == 0 then
      first = first or share
      names[#names + 1] = share.name
    end
  end
  if not first then
    return false, "Couldn't find a writable share!"
  end
  return true, names[1], type(first.details) == "table" and first.details.path or nil, names
end

return M
