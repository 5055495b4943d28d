--- Names and security identifiers (MS-LSAD, MS-LSAT). msrpc has all of it under the same names.

local core, ipairs, ndr = require "msrpc.core", ipairs, require "msrpc.ndr"
local require, smb, string, table = require, require "smb", string, table

local M = {}

local some_not_mapped, none_mapped = 0x107, 0xc0000073

-- SID_NAME_USE (MS-SAMR 2.2.2.3).
local kinds = { "SID_NAME_USER", "SID_NAME_DOM_GRP", "SID_NAME_DOMAIN", "SID_NAME_ALIAS",
  "SID_NAME_WKN_GRP", "SID_NAME_DELETED", "SID_NAME_INVALID", "SID_NAME_UNKNOWN",
  "SID_NAME_COMPUTER" }

local function kind_name(kind)
  return kinds[kind] or "SID_NAME_UNKNOWN"
end

-- Reads with f(reader); behind that stand the number of names that were known, and the status.
local function lookup(state, opnum, name, arguments, f)
  local ok, value, code = core.call(state, opnum, arguments, function(r)
    local got = f(r)
    r:number()
    return got
  end)
  if not ok then
    return false, value
  elseif code ~= 0 and code ~= some_not_mapped then
    return false, ("%s (lsa.%s)"):format(smb.get_status_name(code), name), code == none_mapped
  end
  return true, value
end

--- LsarOpenPolicy2 (MS-LSAD 3.1.4.4.1), to look names up: `true, { policy_handle }` or `false, reason`.
function M.lsa_openpolicy2(state, server)
  -- attributes: their length, five of nothing
  local ok, handle, code = core.call(state, 44, ndr.text_pointer("\\\\" .. server)
    .. string.pack("<I4I4I4I4I4I4I4", 24, 0, 0, 0, 0, 0, 0x02000000), function(r)
    return r:bytes(20)
  end)
  if not ok then
    return false, handle
  elseif code ~= 0 then
    return false, smb.get_status_name(code) .. " (lsa.openpolicy2)"
  end
  return true, { policy_handle = handle }
end

--- LsarClose.
function M.lsa_close(state, handle)
  return core.call_function(state, 0, handle)
end

-- LSAPR_REFERENCED_DOMAIN_LIST (MS-LSAT 2.2.12) behind its pointer: an array of { name, sid }.
local function read_domains(r)
  if r:number() == 0 then
    return {}
  end
  local n, there = r:number(), r:number()
  r:number()
  -- the pointer stands before the last member, its array behind that
  if there == 0 then
    return {}
  end
  r:number()
  local domains = {}
  for i = 1, n < ndr.items_max and n or 0 do
    domains[i] = { name = r:counted_head(), sid = r:number() }
  end
  for _, domain in ipairs(domains) do
    domain.name = r:counted(domain.name)
    domain.sid = domain.sid ~= 0 and r:sid() or nil
  end
  return domains
end

--- LsarLookupNames2 (MS-LSAT 3.1.4.7): `true, { domains = { { name, sid } }, rids = { { kind, rid, domain
-- } } }` or `false, reason`; `domain` is the place in the list, nil for none.
function M.lsa_lookupnames2(state, policy, names)
  local heads, bodies = {}, {}
  for i, name in ipairs(names) do
    heads[i], bodies[i] = ndr.counted(name)
  end
  return lookup(state, 58, "lookupnames2", policy .. string.pack("<I4I4", #names, #names)
    .. table.concat(heads) .. table.concat(bodies)
    .. string.pack("<I4I4I2I2I4I4I4", 0, 0, 1, 0, 0, 0, 2), function(r)
    local domains = read_domains(r)
    local rids = r:list(r:number(), function()
      local kind = r:short()
      local rid, index = r:number(), r:number()
      r:number()
      return { kind = kind_name(kind), rid = rid, domain = index < #domains and index + 1 or nil }
    end, function(_, item)
      return item
    end)
    return { domains = domains, rids = rids }
  end)
end

--- LsarLookupSids2 (3.1.4.10) for identifiers as texts: `true, { names = { names = { { name, sid_type,
-- domain } } }, domains = { domains = { { name, sid } } } }` or `false, reason` and whether it is that
-- none of them is known.
function M.lsa_lookupsids2(state, policy, sids)
  local bodies = {}
  for i, sid in ipairs(sids) do
    bodies[i] = ndr.sid(sid)
    if not bodies[i] then
      return false, "no security identifier: " .. sid
    end
  end
  return lookup(state, 57, "lookupsids2", policy .. string.pack("<I4I4I4", #sids, 0x00020000, #sids)
    .. string.rep(string.pack("<I4", 0x00020004), #sids) .. table.concat(bodies)
    .. string.pack("<I4I4I2I2I4I4I4", 0, 0, 1, 0, 0, 0, 2), function(r)
    local domains = read_domains(r)
    local names = r:list(r:number(), function()
      local kind = r:short()
      local there, index = r:counted_head(), r:number()
      r:number()
      return { sid_type = kind_name(kind), there = there,
        domain = domains[index + 1] and domains[index + 1].name }
    end, function(_, item)
      return { name = r:counted(item.there), sid_type = item.sid_type, domain = item.domain }
    end)
    return { names = { names = names }, domains = { domains = domains } }
  end)
end

-- Accounts by trying identifiers: in groups of this many, until that many groups have none. Beside
-- those from 500 on, which every host has, accounts begin at 1000.
local group_size, empty_max, groups_max = 20, 5, 100

-- The host's own domain, found by looking up names that it must know: { name, sid }.
local function own_domains(state, policy, names)
  local found, seen = {}, {}
  for _, name in ipairs(names) do
    local status, result = M.lsa_lookupnames2(state, policy, { name })
    for _, domain in ipairs(status and result.domains or {}) do
      if domain.sid and #found < 8 and not seen[domain.sid] and domain.name ~= "BUILTIN" then
        seen[domain.sid] = true
        found[#found + 1] = domain
      end
    end
  end
  return found
end

-- One group: how many were known; nil, reason.
local function try_group(state, policy, domain, first, users)
  local sids = {}
  for i = 0, group_size - 1 do
    sids[i + 1] = domain.sid .. "-" .. first + i
  end
  local status, result, none = M.lsa_lookupsids2(state, policy, sids)
  if not status then
    return none and 0 or nil, result
  end
  local n = 0
  for i, item in ipairs(result.names.names) do
    n = item.sid_type ~= "SID_NAME_UNKNOWN" and n + 1 or n
    if item.sid_type == "SID_NAME_USER" then
      users[#users + 1] = { name = item.name, rid = first + i - 1,
        domain = item.domain or domain.name, source = "LSA Bruteforce" }
    end
  end
  return n
end

local function try_range(state, policy, domain, first, users)
  local empty = 0
  for group = 0, groups_max - 1 do
    local n, reason = try_group(state, policy, domain, first + group * group_size, users)
    if not n then
      return false, reason
    end
    empty = n == 0 and empty + 1 or 0
    if empty >= empty_max then
      break
    end
  end
  return true
end

--- The accounts of a host by their identifiers, for hosts that list them to nobody: `true, {
-- { name, rid, domain }, ... }` or `false, reason`.
function M.lsa_enum_users(host)
  return core.on_pipe(host, "LSA", function(state)
    local status, opened = M.lsa_openpolicy2(state, host.ip)
    if not status then
      return false, opened
    end
    local policy, users = opened.policy_handle, {}
    local info = state.session and state.session.info or state
    local names = { "administrator", "guest", "test", info.netbios_computer_name,
      info.netbios_domain_name }
    local ok, reason = true, "no domain is known"
    for _, domain in ipairs(own_domains(state, policy, names)) do
      for _, first in ipairs({ 500, 1000 }) do
        if ok then
          ok, reason = try_range(state, policy, domain, first, users)
        end
      end
    end
    M.lsa_close(state, policy)
    return #users > 0, #users > 0 and users or reason or "no identifier is known"
  end)
end

return M
