-- Remote calls and shares on what Samba 4.17 answered (tests/nse/ask.nse asked it); sessions, drivers and
-- what Samba has none of are answers made from MS-SRVS, MS-SCMR, MS-SAMR and C706.
local test, check, fake = ...
local script = require "support.script"
local msrpc, smb, v2 = require "msrpc", require "smb", require "smb.v2"
local core, ndr, socket = require "msrpc.core", require "msrpc.ndr", require "support.socket"
local host = { ip = "192.0.2.1", registry = {} }

local function replay(name, user)
  script.replay(name)
  fake.ports = { ["tcp:445"] = { state = "open" } }
  fake.nmap.registry.args = { smbusername = user, smbpassword = user and "secret" }
end

-- What a call gave; ends the test where it failed, also when answers are mutated (tests/nse/mutate.lua).
local function must(status, value)
  if not status then
    error("it failed: " .. tostring(value), 0)
  end
  return value
end

-- What a call gives when the server answers it with these bytes.
local function answered(bytes, f)
  local real = core.call_function
  core.call_function = function()
    return true, { arguments = bytes }
  end
  local results = table.pack(pcall(f))
  core.call_function = real
  return table.unpack(results, 2, results.n)
end

test("domains have their groups, accounts and rules", function()
  replay("msrpc-samr", "lab")
  local domains = must(msrpc.get_domains(host))
  local names = {}
  for name in pairs(domains) do
    names[#names + 1] = name
  end
  check.same(names, { "Builtin", "FILES" })
  local files = domains.FILES
  check.same(files.groups, { "Staffers" })
  check.same(files.users, { "lab", "anna" })
  check.equal(files.sid, "S-1-5-21-2403486163-298433851-1485061246")
  check.equal(files.created, "unknown")
  check.equal(files.min_password_length, 7)
  check.equal(files.max_password_age, nil) -- Samba's word for "for ever"
  check.equal(files.lockout_threshold, 5)
  check.equal(("%s %s"):format(files.lockout_window, files.lockout_duration), "30.0 30.0")
  local users = must(msrpc.samr_enum_users(host))
  check.equal(users[2].name .. " " .. users[2].rid .. " " .. users[2].fullname, "anna 1001 Person anna")
  check.same(users[2].flags, { "Account disabled", "Normal user account" })
  check.equal(users[2].domain, "FILES")
  local groups = must(msrpc.samr_enum_groups(host))
  check.equal(groups.Builtin[544].name, "Administrators")
  check.same(groups.FILES[1002].members, { "anna" })
  check.same(groups.FILES[1002].member_sids, { files.sid .. "-1001" })
end)

test("times and flags of a Windows domain are read", function()
  local rules = string.pack("<I4I2I2I2I2I4i8i8I4", 1, 1, 0, 8, 24, 0x11, -36288000000000, -864000000000, 0)
  local status, info = answered(rules, function()
    return msrpc.samr_querydomaininfo2({}, "", 1)
  end)
  check.equal(status, true)
  check.same(info, { min_password_length = 8, password_history_length = 24, password_properties = 0x11,
    max_password_age = -36288000000000, min_password_age = -864000000000 })
  check.equal(ndr.seconds(info.max_password_age), 42 * 86400)
  check.equal(ndr.seconds(math.mininteger), nil)
  check.equal(ndr.seconds(0), nil)
  check.same(msrpc.samr_acctflags(0x214), { "Password not required", "Normal user account",
    "Password does not expire" })
end)

test("a refusal has the name of its state and of the call", function()
  check.fails(answered(("\0"):rep(20) .. "\x22\0\0\xc0", function()
    return msrpc.samr_connect4({}, "192.0.2.1")
  end), "NT_STATUS_ACCESS_DENIED (samr.connect4)")
  check.fails(answered(("\0"):rep(20) .. "\5\0\0\0", function()
    return msrpc.winreg_openhku({})
  end), "WERR_ACCESS_DENIED (winreg.openhku)")
  check.fails(answered("\0\0\0", function()
    return msrpc.samr_connect4({}, "192.0.2.1")
  end), "a broken answer")
end)

test("which groups an identifier is in is asked with bytes as they are", function()
  local status, rids = answered(string.pack("<I4I4I4I4I4I4", 2, 0x20000, 2, 544, 545, 0), function()
    return msrpc.samr_getaliasmembership({}, ("X"):rep(20), "\0\0\0\0")
  end)
  check.equal(status, true)
  check.same(rids, { 544, 545 })
end)

test("accounts are found by their identifiers, without an account", function()
  replay("msrpc-lsa")
  local users = must(msrpc.lsa_enum_users(host))
  local shown = {}
  for i, user in ipairs(users) do
    shown[i] = user.domain .. "\\" .. user.name .. " " .. user.rid
  end
  check.same(shown, { "FILES\\nobody 501", "FILES\\lab 1000", "FILES\\anna 1001" })
end)

test("identifiers are texts and bytes", function()
  local bytes = "\5\0\0\0\1\5\0\0\0\0\0\5" .. string.pack("<I4I4I4I4I4", 21, 1, 2, 0xffffffff, 500)
  check.equal(ndr.sid("S-1-5-21-1-2-4294967295-500"), bytes)
  check.equal(ndr.reader(bytes):sid(), "S-1-5-21-1-2-4294967295-500")
  for _, text in ipairs({ "S-1-5", "S-2-5-1", "lab", "S-1-5-4294967296", "S-1-5" .. ("-1"):rep(16) }) do
    check.equal(ndr.sid(text), nil)
  end
  check.fails(msrpc.lsa_lookupsids2({}, "", { "nobody" }), "no security identifier: nobody")
end)

test("services are shown with what they accept, and the registry is read", function()
  replay("msrpc-state", "lab")
  local status, reason = msrpc.on_pipe(host, "SRVSVC", function(state)
    return msrpc.srvsvc_netsessenum(state, host.ip)
  end)
  check.fails(status, reason, "error 124") -- Samba knows no level 10
  local services = must(msrpc.on_pipe(host, "SVCCTL", function(state)
    local opened = must(msrpc.svcctl_openscmanagerw(state, host.ip, 0x02000000))
    return msrpc.svcctl_enumservicesstatusw(state, opened.handle, 0x10, 3)
  end))
  local names = {}
  for name in pairs(services) do
    names[#names + 1] = name
  end
  check.same(names, { "Spooler", "NETLOGON", "RemoteRegistry", "WINS" })
  check.equal(services.Spooler.display_name, "Print Spooler")
  check.same(services.Spooler.state, { "SERVICE_RUNNING" })
  check.same(services.Spooler.controls_accepted, { "SERVICE_CONTROL_STOP" })
  check.same(services.WINS.state, { "SERVICE_STOPPED" })
  must(msrpc.on_pipe(host, "WINREG", function(state)
    local root = must(msrpc.winreg_openhklm(state)).handle
    check.equal(must(msrpc.winreg_enumkey(state, root, 0)).name, "SOFTWARE")
    local key = must(msrpc.winreg_openkey(state, root,
      "SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion")).handle
    local info = must(msrpc.winreg_queryinfokey(state, key))
    check.equal(info.subkeys .. " " .. info.values .. " " .. info.last_changed_date, "5 2 <unknown>")
    check.equal(must(msrpc.winreg_queryvalue(state, key, "CurrentVersion")).value, "6.1\0")
    check.fails(msrpc.winreg_queryvalue(state, key, "NoSuchValue"),
      "WERR_BADFILE (winreg.queryvalue)")
    return msrpc.winreg_closekey(state, key)
  end))
end)

-- The answer to NetrSessionEnum (MS-SRVS 3.1.4.5) with these pairs of texts.
local function sessions(list)
  local heads, bodies = {}, {}
  for i, s in ipairs(list) do
    heads[i] = string.pack("<I4I4I4I4", 1, 1, s[3], s[4])
    bodies[i] = ndr.text(s[1]) .. ndr.text(s[2])
  end
  return string.pack("<I4I4I4I4I4I4", 10, 10, 1, #list, 1, #list) .. table.concat(heads)
    .. table.concat(bodies) .. string.pack("<I4I4I4I4", #list, 1, 0, 0)
end

test("sessions are told by whom, from where and for how long", function()
  local status, result = answered(sessions({ { "10.0.0.5", "anna", 60, 5 }, { "\\\\pc", "", 0, 0 } }),
    function()
      return msrpc.srvsvc_netsessenum({}, host.ip)
    end)
  check.equal(status, true)
  check.same(result.ctr.array, { { client = "10.0.0.5", user = "anna", time = 60, idle_time = 5 },
    { client = "\\\\pc", user = "", time = 0, idle_time = 0 } })
end)

test("the servers of a network, files and accounts are told by SMB 1, too", function()
  replay("smb1-calls", "lab")
  local state = must(smb.start_ex(host, true, true, "IPC$"))
  local servers = must(msrpc.rap_netserverenum2(state, nil, 0xffffffff, 1))
  smb.stop(state)
  check.same(servers, { { name = "FILES", version = { major = 0, minor = 0 }, type = 8493571,
    comment = "Lab files" } })
  local files = must(smb.start_ex(host, true, true, "public"))
  local seen = {}
  for file in smb.find_files(files, "\\*") do
    seen[#seen + 1] = ("%s %d %d"):format(file.fname, file.attrs, file.eof)
  end
  check.same(seen, { ". 16 0", ".. 16 0", "readme.txt 128 6" })
  must(smb.create_file(files, "readme.txt", { file_create_access_mask = 0x00120089 }))
  check.equal(must(smb.read_file(files, 0, 100)).data, "hello\n")
  check.equal(smb.close_file(files), true)
  smb.stop(files)
  check.equal(must(msrpc.samr_enum_users(host))[1].name, "lab")
end)

test("what the browser refuses is told with its number", function()
  local state = { session = nil }
  local files = require "smb.files"
  local real = files.transaction
  files.transaction = function()
    return true, { parameters = "\71\0\0\0\0\0\0\0", data = "" }
  end
  local status, reason = msrpc.rap_netserverenum2(state, "LABGROUP", 1, 1)
  files.transaction = real
  check.fails(status, reason, "the server answered with status = 71")
end)

test("shares tell who may read and write, and nothing is written", function()
  replay("smb-shares", "lab")
  local shares = must(smb.share_get_list(host))
  local shown = {}
  for i, s in ipairs(shares) do
    shown[i] = ("%s %s %s %s/%s %s/%s"):format(s.name, s.details.sharetype, s.details.max_users,
      s.anonymous_can_read, s.anonymous_can_write, s.user_can_read, s.user_can_write)
  end
  check.same(shown, {
    "\\\\192.0.2.1\\IPC$ STYPE_IPC_HIDDEN <unlimited> true/true true/true",
    "\\\\192.0.2.1\\pub STYPE_DISKTREE <unlimited> true/true true/true",
    "\\\\192.0.2.1\\public STYPE_DISKTREE <unlimited> true/false true/true",
    "\\\\192.0.2.1\\staff STYPE_DISKTREE <unlimited> nil/nil true/true",
  })
  local name, path, names
  local status, name, path, names = smb.share_find_writable(host)
  must(status, name)
  check.equal(name .. " " .. path .. " " .. #names, "\\\\192.0.2.1\\pub C:\\srv\\pub 3")
  check.throws("writes no files", smb.file_write, host, "x", name, "x")
end)

test("an account is tried first, and messages are signed where the server insists", function()
  replay("smb-enum-shares-signed", "lab")
  local real, flags = socket.Socket.send, {}
  socket.Socket.send = function(self, data)
    if data:sub(5, 8) == "\xfeSMB" then
      flags[#flags + 1] = data:byte(21) & 8 ~= 0 and data:sub(53, 68) ~= ("\0"):rep(16)
    end
    return real(self, data)
  end
  local text = script.run("smb-enum-shares", nil, { host = host })
  socket.Socket.send = real
  check.contains(text, "account_used: lab")
  check.contains(text, "    Anonymous access: READ\n    Current user access: READ/WRITE")
  check.contains(text, "    Path: C:\\srv\\pub\n    Current user access: READ/WRITE")
  check.equal(flags[3], false) -- before the login there is no key
  check.equal(flags[4], true)
end)

test("the account of the arguments comes before nobody and guest", function()
  fake.nmap.registry.args = {}
  check.equal(#v2.accounts(), 2)
  fake.nmap.registry.args = { smbusername = "anna", smbpassword = "secret", smbdomain = "CORP" }
  local accounts = v2.accounts()
  check.equal(v2.account_name(accounts[1]), "CORP\\anna")
  check.equal(v2.account_name(accounts[2]) .. " " .. v2.account_name(accounts[3]), "<blank> guest")
  check.equal(v2.is_open(accounts[1]), false)
  check.equal(v2.is_open(accounts[3]), true)
end)

test("an answer in several fragments is read to its end", function()
  local function fragment(flags, body)
    return string.pack("<BBBBI4I2I2I4I4I2I2", 5, 0, 2, flags, 0x10, 24 + #body, 0, 1, 0, 0, 0) .. body
  end
  local parts, asked = { fragment(1, "one"), fragment(0, "two"), fragment(2, "three") }, 1
  local transceive, read_pipe = v2.transceive, v2.read_pipe
  v2.transceive = function()
    return parts[1]
  end
  v2.read_pipe = function()
    asked = asked + 1
    return parts[asked], true
  end
  local status, result = core.call_function({ session = {}, call_id = 0 }, 1, "")
  v2.transceive, v2.read_pipe = transceive, read_pipe
  check.equal(status, true)
  check.equal(result.arguments, "onetwothree")
end)

test("an account that is refused is left once, also by two scripts at a time", function()
  fake.nmap.registry.args = { smbusername = "lab", smbpassword = "wrong" }
  local smbauth, real, tried = require "smbauth", v2.open, {}
  v2.open = function(_, account)
    tried[#tried + 1] = account.username
    if account.username == "lab" then
      smbauth.next_account(host) -- the other script was faster
      return nil, "NT_STATUS_LOGON_FAILURE"
    end
    return { account = account.username }
  end
  local session = v2.open_any(host)
  v2.open = real
  check.same(tried, { "lab", "guest" })
  check.equal(session.account, "guest")
end)

test("where no share is listed usual names are tried, and that is noted", function()
  fake.nmap.registry.args = {}
  local list, open, tree, close = msrpc.on_pipe, v2.open, v2.tree_connect, v2.close
  local leave, access = v2.tree_disconnect, v2.access
  msrpc.on_pipe = function()
    return false, "access denied"
  end
  v2.open = function(_, account)
    return { account = account and account.username or "" }
  end
  v2.tree_connect = function(_, name)
    if name:find("IPC$", 1, true) then
      return { kind = 2 }
    elseif name:find("ADMIN$", 1, true) then
      return nil, "NT_STATUS_ACCESS_DENIED"
    end
    return nil, "NT_STATUS_BAD_NETWORK_NAME"
  end
  v2.close, v2.tree_disconnect, v2.access = function() end, function() end, nil
  local status, shares, note = smb.share_get_list(host)
  msrpc.on_pipe, v2.open, v2.tree_connect, v2.close = list, open, tree, close
  v2.tree_disconnect, v2.access = leave, access
  check.equal(status, true)
  check.contains(note, "access denied")
  check.equal(shares[1].name .. " " .. shares[2].name, "\\\\192.0.2.1\\ADMIN$ \\\\192.0.2.1\\IPC$")
  check.equal(shares[1].anonymous_can_read, nil)
  check.equal(shares[2].anonymous_can_read, true)
  check.equal(#shares, 2)
end)
