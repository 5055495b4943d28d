--- Accounts, groups and rules for passwords of a host's domains (MS-SAMR). msrpc has all of it under the
-- same names.

local core, ipairs, lsa, ndr = require "msrpc.core", ipairs, require "msrpc.lsa", require "msrpc.ndr"
local next, require, smb, stdnse = next, require, require "smb", require "stdnse"
local string, table, tableaux = string, table, require "tableaux"

local M = {}

local all_that_is_allowed, more_entries, size_max, rounds_max = 0x02000000, 0x105, 0xffff, 32

local function failure(code, name)
  return false, string.format("%s (samr.%s)", smb.get_status_name(code), name)
end

-- Calls and reads: f(reader) gives the result, behind it stands the status. `partial`: there is more.
local function call(state, opnum, name, arguments, f)
  local ok, value, code = core.call(state, opnum, arguments, f)
  if not ok then
    return false, value
  elseif code ~= 0 and code ~= more_entries then
    return failure(code, name)
  end
  return true, value, code == more_entries
end

local function read_handle(r)
  return r:bytes(20)
end

--- SamrConnect4: the handle of the server.
function M.samr_connect4(state, server)
  return call(state, 62, "connect4", ndr.text_pointer("\\\\" .. server)
    .. string.pack("<I4I4", 2, all_that_is_allowed), read_handle)
end

--- SamrCloseHandle.
function M.samr_close(state, handle)
  return call(state, 1, "close", handle, read_handle)
end

-- What the enumerations answer (SAMPR_ENUMERATION_BUFFER): context, { rid, name }...
local function read_enumeration(r)
  local context, items = r:number(), {}
  if r:number() ~= 0 then
    items = r:list(r:number(), function()
      return { rid = r:number(), there = r:counted_head() }
    end, function(_, item)
      return { rid = item.rid, name = r:counted(item.there) }
    end)
  end
  r:align(4)
  r:number()
  return { context = context, items = items }
end

-- All of an enumeration: an array of { rid, name }.
local function enumerate(state, opnum, name, handle, filter)
  local context, items = 0, {}
  for _ = 1, rounds_max do
    local status, result, more = call(state, opnum, name, handle .. string.pack("<I4", context)
      .. filter .. string.pack("<I4", size_max), read_enumeration)
    if not status then
      return false, result
    end
    table.move(result.items, 1, #result.items, #items + 1, items)
    context = result.context
    if not more or #result.items == 0 or #items >= ndr.items_max then
      break
    end
  end
  return true, items
end

--- SamrEnumerateDomainsInSamServer: an array of { name }.
function M.samr_enumdomains(state, server)
  return enumerate(state, 6, "enumdomains", server, "")
end

--- SamrEnumerateAliasesInDomain: local groups, { rid, name }.
function M.samr_enumdomainaliases(state, domain)
  return enumerate(state, 15, "enumdomainaliases", domain, "")
end

--- SamrEnumerateUsersInDomain: { rid, name }.
function M.samr_enumdomainusers(state, domain)
  return enumerate(state, 13, "enumdomainusers", domain, "\0\0\0\0")
end

--- SamrLookupDomainInSamServer: the security identifier as text.
function M.samr_lookupdomain(state, server, name)
  local head, body = ndr.counted(name)
  return call(state, 5, "lookupdomain", server .. head .. body, function(r)
    return r:number() ~= 0 and r:sid() or ""
  end)
end

--- SamrOpenDomain: a handle.
function M.samr_opendomain(state, server, sid)
  return call(state, 7, "opendomain", server .. string.pack("<I4", all_that_is_allowed)
    .. (ndr.sid(sid) or ""), read_handle)
end

-- The structures of DOMAIN_INFORMATION_CLASS (2.2.4) that are asked for, by number.
local domain_info = {
  [1] = function(r) -- passwords
    return { min_password_length = r:short(), password_history_length = r:short(),
      password_properties = r:number(), max_password_age = r:long(), min_password_age = r:long() }
  end,
  [8] = function(r) -- changes
    return { modified_count = r:long(), create_time = r:long() }
  end,
  [12] = function(r) -- lockouts
    return { lockout_duration = r:long(8), lockout_window = r:long(8), lockout_threshold = r:short() }
  end,
}

--- SamrQueryInformationDomain2, level 1, 8 or 12: the fields of the structure.
function M.samr_querydomaininfo2(state, domain, level)
  return call(state, 46, "querydomaininfo2", domain .. string.pack("<I2", level), function(r)
    if r:number() == 0 then
      return {}
    end
    r:short()
    r:align(8)
    return domain_info[level](r)
  end)
end

-- USER_ACCOUNT control bits (2.2.1.12), in order from bit 0.
local account_flags = { "Account disabled", "Home directory required", "Password not required",
  "Temporary duplicate account", "Normal user account", "MNS logon user account",
  "Interdomain trust account", "Workstation trust account", "Server trust account",
  "Password does not expire", "Account auto locked", "Encrypted text password allowed",
  "Smartcard required", "Trusted for delegation", "Not delegated", "Use DES key only",
  "Preauth not required", "Password expired" }

--- The names of the bits of an account's control word.
function M.samr_acctflags(bits)
  local names = {}
  for i, name in ipairs(account_flags) do
    if bits & 1 << i - 1 ~= 0 then
      names[#names + 1] = name
    end
  end
  return names
end

-- SAMPR_DOMAIN_DISPLAY_USER_BUFFER (2.2.8.7).
local function read_display(r)
  r:number()
  r:number()
  r:short()
  r:align(4)
  local users = r:list(r:number(), function()
    r:number()
    return { rid = r:number(), bits = r:number(), name = r:counted_head(),
      description = r:counted_head(), fullname = r:counted_head() }
  end, function(_, user)
    for _, field in ipairs({ "name", "description", "fullname" }) do
      user[field] = r:counted(user[field])
    end
    return user
  end)
  r:align(4)
  return users
end

--- SamrQueryDisplayInformation, level 1: users as { rid, name, fullname, description, bits, flags }.
function M.samr_querydisplayinfo(state, domain)
  local users = {}
  for _ = 1, rounds_max do
    local status, part, more = call(state, 40, "querydisplayinfo", domain
      .. string.pack("<I2I2I4I4I4", 1, 0, #users, 1000, size_max), read_display)
    if not status then
      return false, part
    end
    table.move(part, 1, #part, #users + 1, users)
    if not more or #part == 0 or #users >= ndr.items_max then
      break
    end
  end
  for _, user in ipairs(users) do
    user.flags = M.samr_acctflags(user.bits)
  end
  return true, users
end

--- SamrOpenAlias: a handle of a local group.
function M.samr_openalias(state, domain, rid)
  return call(state, 27, "openalias", domain .. string.pack("<I4I4", all_that_is_allowed, rid),
    read_handle)
end

--- SamrGetMembersInAlias: security identifiers as texts.
function M.samr_getmembersinalias(state, alias)
  return call(state, 33, "getmembersinalias", alias, function(r)
    return r:list(r:number(), function()
      return r:number() ~= 0
    end, function(_, there)
      return there and r:sid() or ""
    end)
  end)
end

--- SamrGetAliasMembership: which groups those of a SID array are in; `sids` as bytes. `true, { rids }`
-- or `false, reason`.
function M.samr_getaliasmembership(state, domain, sids)
  return call(state, 16, "getaliasmembership", domain .. sids, function(r)
    return r:list(r:number(), r.number, function(_, rid)
      return rid
    end)
  end)
end

-- Calls f(state, server handle, domain handle, domain) -> status, result for each domain of a host: `true,
-- { { name, sid, result }, ... }` or `false, reason`. A domain that fails is left out, all that do fail.
local function each_domain(host, f)
  return core.on_pipe(host, "SAMR", function(state)
    local status, server = M.samr_connect4(state, host.ip)
    local domains = server
    if status then
      status, domains = M.samr_enumdomains(state, server)
    end
    if not status then
      return false, domains
    end
    local results, reason = {}, nil
    for _, domain in ipairs(domains) do
      local handle, result
      status, result = M.samr_lookupdomain(state, server, domain.name)
      domain.sid = result
      if status then
        status, handle = M.samr_opendomain(state, server, domain.sid)
        result = handle
      end
      if status then
        status, result = f(state, handle, domain)
        M.samr_close(state, handle)
      end
      if status then
        results[#results + 1] = { name = domain.name, sid = domain.sid, result = result }
      else
        reason = result
      end
    end
    M.samr_close(state, server)
    table.sort(results, function(a, b)
      return a.name < b.name
    end)
    if #results == 0 and reason then
      return false, reason
    end
    return true, results
  end)
end

--- The accounts of all domains of a host: `true, { { name, rid, domain, fullname, description, flags },
-- ... }` or `false, reason`.
function M.samr_enum_users(host)
  local status, domains = each_domain(host, function(state, handle)
    return M.samr_querydisplayinfo(state, handle)
  end)
  if not status then
    return false, domains
  end
  local users = {}
  for _, domain in ipairs(domains) do
    for _, user in ipairs(domain.result) do
      user.domain, user.source = domain.name, "SAMR Enumeration"
      users[#users + 1] = user
    end
  end
  return true, users
end

-- A local group: { name, member_sids }.
local function read_group(state, domain, alias)
  local status, handle = M.samr_openalias(state, domain, alias.rid)
  if not status then
    return nil, handle
  end
  local sids
  status, sids = M.samr_getmembersinalias(state, handle)
  M.samr_close(state, handle)
  return status and { name = alias.name, member_sids = sids } or nil, sids
end

local function groups_of(state, handle)
  local status, aliases = M.samr_enumdomainaliases(state, handle)
  if not status then
    return false, aliases
  end
  local groups = {}
  for _, alias in ipairs(aliases) do
    local group, reason = read_group(state, handle, alias)
    if not group then
      return false, reason
    end
    groups[alias.rid] = group
  end
  return true, groups
end

-- Names instead of identifiers, where the host knows them.
local function name_members(state, policy, group)
  group.members = {}
  if #group.member_sids == 0 then
    return
  end
  local status, found = lsa.lsa_lookupsids2(state, policy, group.member_sids)
  for i, sid in ipairs(group.member_sids) do
    local name = status and found.names.names[i]
    group.members[i] = name and name.name ~= "" and name.name or sid
  end
end

--- The local groups of all domains of a host: `true, { DOMAIN = { [rid] = { name, members (names),
-- member_sids } } }` or `false, reason`.
function M.samr_enum_groups(host)
  local status, domains = each_domain(host, groups_of)
  if not status then
    return false, domains
  end
  local all, known = {}, false
  for _, domain in ipairs(domains) do
    all[domain.name] = domain.result
    known = known or next(domain.result) ~= nil
  end
  if not known then
    return false, "the host has no local groups"
  end
  return core.on_pipe(host, "LSA", function(state)
    local ok, opened = lsa.lsa_openpolicy2(state, host.ip)
    if not ok then
      return false, opened
    end
    for _, domain in ipairs(domains) do
      local rids = tableaux.keys(domain.result)
      table.sort(rids)
      for _, rid in ipairs(rids) do
        name_members(state, opened.policy_handle, domain.result[rid])
      end
    end
    lsa.lsa_close(state, opened.policy_handle)
    return true, all
  end)
end

local password_properties = { "Complexity requirements exist", "Must be logged in to change password",
  "Cannot change passwords over the network", "Admin account can be locked out",
  "Cleartext passwords stored", "Password changes are refused" }

local function names_of(items)
  local names = {}
  for i, item in ipairs(items) do
    names[i] = item.name
  end
  return names
end

local function days(span)
  local seconds = ndr.seconds(span)
  return seconds and seconds / 86400
end

local function minutes(span)
  local seconds = ndr.seconds(span)
  return seconds and seconds / 60
end

local function nonzero(number)
  return number ~= 0 and number or nil
end

-- The rules of a domain in the words of scripts: what is not set is nil.
local function describe_domain(state, handle)
  local levels = {}
  for _, level in ipairs({ 1, 8, 12 }) do
    local status, info = M.samr_querydomaininfo2(state, handle, level)
    if not status then
      return false, info
    end
    levels[level] = info
  end
  local passwords, lockout = levels[1], levels[12]
  local properties = {}
  for i, name in ipairs(password_properties) do
    if (passwords.password_properties or 0) & 1 << i - 1 ~= 0 then
      properties[#properties + 1] = name
    end
  end
  return true, {
    created = ndr.time(levels[8].create_time or 0) or "unknown",
    min_password_length = nonzero(passwords.min_password_length),
    min_password_age = days(passwords.min_password_age or 0),
    max_password_age = days(passwords.max_password_age or 0),
    password_history = nonzero(passwords.password_history_length),
    password_properties = #properties > 0 and properties or nil,
    lockout_threshold = nonzero(lockout.lockout_threshold),
    lockout_window = minutes(lockout.lockout_window or 0),
    lockout_duration = minutes(lockout.lockout_duration or 0),
  }
end

--- The domains of a host with their rules: `true, { NAME = { sid, groups, users (names), created (text),
-- min_password_length, min_password_age, max_password_age (days), password_history,
-- password_properties (texts), lockout_threshold, lockout_window, lockout_duration (minutes) } }` or
-- `false, reason`.
function M.get_domains(host)
  local status, domains = each_domain(host, function(state, handle)
    local ok, info = describe_domain(state, handle)
    local groups, users
    if ok then
      ok, groups = M.samr_enumdomainaliases(state, handle)
      info = ok and info or groups
    end
    if ok then
      ok, users = M.samr_enumdomainusers(state, handle)
    end
    if not ok then
      return false, users or info
    end
    info.groups, info.users = names_of(groups), names_of(users)
    return true, info
  end)
  if not status then
    return false, domains
  end
  local result = stdnse.output_table()
  for _, domain in ipairs(domains) do
    domain.result.sid = domain.sid
    result[domain.name] = domain.result
  end
  return true, result
end

return M
