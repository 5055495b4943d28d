--- What a server tells of its shares, sessions and itself (MS-SRVS). msrpc has all of it under the same
-- names.

local core, ipairs, math, ndr = require "msrpc.core", ipairs, math, require "msrpc.ndr"
local string = string

local M = {}

local share_kinds = { [0] = "STYPE_DISKTREE", "STYPE_PRINTQ", "STYPE_DEVICE", "STYPE_IPC" }

--- The name of a share's type (MS-SRVS 2.2.2.4): "STYPE_DISKTREE_HIDDEN".
function M.share_type_name(kind)
  local name = share_kinds[kind & 0xff] or string.format("STYPE_UNKNOWN_%x", kind & 0xff)
  return name .. (kind & 0x40000000 ~= 0 and "_TEMPORARY" or "")
    .. (kind & 0x80000000 ~= 0 and "_HIDDEN" or "")
end

local function read_shares(r)
  r:number() -- level, once for the structure and once for the union
  r:number()
  if r:number() == 0 then
    return nil, "no shares were told"
  end
  local n, there = r:number(), r:number()
  local shares = {}
  if there ~= 0 then
    r:number()
    for i = 1, math.min(n, ndr.items_max) do
      shares[i] = { name = r:number(), type = r:number(), comment = r:number() }
    end
    for _, share in ipairs(shares) do
      share.name = share.name ~= 0 and r:text() or ""
      share.comment = share.comment ~= 0 and r:text() or ""
    end
  end
  r:number()
  if r:number() ~= 0 then
    r:number()
  end
  local code = r:number()
  return code == 0 and shares or nil, ndr.windows_error(code)
end

--- NetrShareEnum, level 1: `true, { { name, type (number), comment }, ... }` or `false, reason`.
function M.srvsvc_netshareenumall(state, server)
  return core.read(state, 15, ndr.text_pointer("\\\\" .. server)
    .. string.pack("<I4I4I4I4I4I4I4I4", 1, 1, 0x00020004, 0, 0, 0xffffffff, 0x00020008, 0),
    read_shares)
end

-- SHARE_INFO_2 (MS-SRVS 2.2.4.24); the pointers' texts stand behind it in their order.
local function read_share(r)
  r:number() -- level
  if r:number() == 0 then
    return nil, ndr.windows_error(r:number())
  end
  local name, kind, comment = r:number(), r:number(), r:number()
  r:number() -- permissions: of shares as they were in LAN Manager
  local share = { type = kind, max_users = r:number(), current_users = r:number() }
  local path = r:number()
  r:number() -- password: likewise
  share.name = name ~= 0 and r:text() or ""
  share.comment = comment ~= 0 and r:text() or ""
  share.path = path ~= 0 and r:text() or nil
  return share
end

--- NetrShareGetInfo, level 2: `true, { name, type, comment, max_users, current_users, path }` or
-- `false, reason`. `max_users` is 0xffffffff where there is no limit. Windows tells it only to who
-- may administer it.
function M.srvsvc_netsharegetinfo(state, server, share)
  return core.read(state, 16, ndr.text_pointer("\\\\" .. server)
    .. ndr.text(share) .. string.pack("<I4", 2), read_share)
end

-- SESSION_INFO_10 (MS-SRVS 2.2.4.13).
local function read_sessions(r)
  r:number()
  r:number()
  local sessions = {}
  if r:number() ~= 0 then
    sessions = r:list(r:number(), function()
      return { client = r:number(), user = r:number(), time = r:number(), idle_time = r:number() }
    end, function(_, session)
      session.client = session.client ~= 0 and r:text() or ""
      session.user = session.user ~= 0 and r:text() or ""
      return session
    end)
  end
  r:number()
  if r:number() ~= 0 then
    r:number()
  end
  local code = r:number()
  return code == 0 and { ctr = { array = sessions } } or nil, ndr.windows_error(code)
end

--- NetrSessionEnum, level 10: who is connected: `true, { ctr = { array = { { client, user, time,
-- idle_time (seconds) }, ... } } }` or `false, reason`.
function M.srvsvc_netsessenum(state, server)
  return core.read(state, 12, ndr.text_pointer("\\\\" .. server)
    .. string.pack("<I4I4I4I4I4I4I4I4I4I4", 0, 0, 10, 10, 0x00020004, 0, 0, 0xffffffff,
      0x00020008, 0), read_sessions)
end

--- NetrServerGetInfo, level 101: `true, { name, comment, platform_id, version_major, version_minor,
-- type }` or `false, reason`.
function M.srvsvc_netservergetinfo(state, server)
  return core.read(state, 21, ndr.text_pointer("\\\\" .. server)
    .. string.pack("<I4", 101), function(r)
    r:number()
    if r:number() == 0 then
      return nil, ndr.windows_error(r:number())
    end
    local info = { platform_id = r:number() }
    local name = r:number()
    info.version_major, info.version_minor = r:number() & 0x0f, r:number()
    info.type = r:number()
    local comment = r:number()
    info.name = name ~= 0 and r:text() or ""
    info.comment = comment ~= 0 and r:text() or ""
    return info
  end)
end

-- STAT_SERVER_0 (MS-SRVS 2.2.4.39) behind its pointer.
local statistics = { "start", "fopens", "devopens", "jobsqueued", "sopens", "stimedout",
  "serrorout", "pwerrors", "permerrors", "syserrors", "bytessent_low", "bytessent_high",
  "bytesrcvd_low", "bytesrcvd_high", "avresponse", "reqbufneed", "bigbufneed" }

--- NetrServerStatisticsGet: `true, table` of the numbers by the names of MS-SRVS 2.2.4.39, and
-- `bytessent` and `bytesrcvd` put together, or `false, reason`.
function M.srvsvc_netservergetstatistics(state, server)
  return core.read(state, 24, ndr.text_pointer("\\\\" .. server)
    .. string.pack("<I4I4I4", 0, 0, 0), function(r)
    if r:number() == 0 then
      return nil, ndr.windows_error(r:number())
    end
    local stats = {}
    for _, name in ipairs(statistics) do
      stats[name] = r:number()
    end
    stats.bytessent = stats.bytessent_high << 32 | stats.bytessent_low
    stats.bytesrcvd = stats.bytesrcvd_high << 32 | stats.bytesrcvd_low
    return stats
  end)
end

--- The statistics of a host's server, as srvsvc_netservergetstatistics gives them.
function M.get_server_stats(host)
  return core.on_pipe(host, "SRVSVC", function(state)
    return M.srvsvc_netservergetstatistics(state, host.ip)
  end)
end

return M
