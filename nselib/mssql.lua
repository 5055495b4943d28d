--- Microsoft SQL Server: which instances there are (MS-SQLR), which version they have and how they
-- take logins (MS-TDS 2.2: PRELOGIN, LOGIN7).
--
-- What is not here: queries, and TLS inside of TDS for logins to servers that demand it.

local comm, ipairs, match, math = require "comm", ipairs, require "match", math
local nmap, pairs = require "nmap", pairs
local setmetatable, shortport, stdnse = setmetatable, require "shortport", require "stdnse"
local string, table, tonumber, type, unicode = string, table, tonumber, type, require "unicode"

local M = {}

local packet_max, instances_max = 65536, 32

-- Versions ----------------------------------------------------------------------------------------

-- Product by major and minor number, and the build with which each service pack began.
local products = {
  { 6, 0, "6.0", {} }, { 6, 50, "6.5", {} }, { 7, 0, "7.0", {} },
  { 8, 0, "2000", { { 194, "RTM" }, { 384, "SP1" }, { 532, "SP2" }, { 760, "SP3" },
    { 2039, "SP4" } } },
  { 9, 0, "2005", { { 1399, "RTM" }, { 2047, "SP1" }, { 3042, "SP2" }, { 4035, "SP3" },
    { 5000, "SP4" } } },
  { 10, 0, "2008", { { 1600, "RTM" }, { 2531, "SP1" }, { 4000, "SP2" }, { 5500, "SP3" },
    { 6000, "SP4" } } },
  { 10, 50, "2008 R2", { { 1600, "RTM" }, { 2500, "SP1" }, { 4000, "SP2" }, { 6000, "SP3" } } },
  { 11, 0, "2012", { { 2100, "RTM" }, { 3000, "SP1" }, { 5058, "SP2" }, { 6020, "SP3" },
    { 7001, "SP4" } } },
  { 12, 0, "2014", { { 2000, "RTM" }, { 4100, "SP1" }, { 5000, "SP2" }, { 6024, "SP3" } } },
  { 13, 0, "2016", { { 1601, "RTM" }, { 4001, "SP1" }, { 5026, "SP2" }, { 6300, "SP3" } } },
  { 14, 0, "2017", { { 1000, "RTM" } } }, { 15, 0, "2019", { { 2000, "RTM" } } },
  { 16, 0, "2022", { { 1000, "RTM" } } },
}

--- A version: versionNumber, major, minor, build, subBuild, productName, brandedVersion,
-- servicePackLevel, patched, source.
M.SqlServerVersionInfo = {}
M.SqlServerVersionInfo.__index = M.SqlServerVersionInfo

function M.SqlServerVersionInfo:new()
  return setmetatable({ versionNumber = "", productName = "Microsoft SQL Server" }, self)
end

-- The service pack of a build, and whether something newer than the pack itself is installed.
local function service_pack(packs, build)
  local level, patched
  for _, pack in ipairs(packs) do
    if build >= pack[1] then
      level, patched = pack[2], build > pack[1]
    end
  end
  return level, patched
end

--- Fills in what the numbers tell. `source` is "SSRP" or "SSNetLib", for those who want to know.
function M.SqlServerVersionInfo:SetVersion(major, minor, build, sub_build, source)
  self.major, self.minor, self.build, self.subBuild = major, minor, build, sub_build
  self.source = source
  for _, product in ipairs(products) do
    if product[1] == major and product[2] == minor then
      self.brandedVersion = product[3]
      self.productName = "Microsoft SQL Server " .. product[3]
      self.servicePackLevel, self.patched = service_pack(product[4], build)
    end
  end
end

--- The same from a text such as "15.0.2000.5".
function M.SqlServerVersionInfo:SetVersionNumber(text, source)
  local major, minor, build, sub = string.match(text, "^(%d+)%.(%d+)%.(%d+)%.?(%d*)")
  if major then
    self.versionNumber = text
    self:SetVersion(tonumber(major), tonumber(minor), tonumber(build), tonumber(sub), source)
  end
end

--- "Microsoft SQL Server 2019 RTM+": product, service pack, a plus when newer patches are in.
function M.SqlServerVersionInfo:ToString()
  local text = self.productName
  if self.servicePackLevel then
    text = text .. " " .. self.servicePackLevel .. (self.patched and "+" or "")
  end
  return text
end

-- Instances ---------------------------------------------------------------------------------------

--- An instance: host, serverName, instanceName, isClustered, version, port ({ number, protocol }),
-- pipeName.
M.SqlServerInstanceInfo = {}
M.SqlServerInstanceInfo.__index = M.SqlServerInstanceInfo

function M.SqlServerInstanceInfo:new(fields)
  return setmetatable(fields or {}, self)
end

--- "192.0.2.1\PROD", or "192.0.2.1:1433" where the instance has no name.
function M.SqlServerInstanceInfo:GetName()
  local where = type(self.host) == "table" and self.host.ip or self.host or ""
  if self.instanceName then
    return where .. "\\" .. self.instanceName
  elseif self.port then
    return ("%s:%d"):format(where, self.port.number)
  end
  return where
end

M.SSRP = { PORT = { number = 1434, protocol = "udp" } }

local function instance_of(host, fields)
  if not fields.InstanceName and not fields.ServerName then
    return nil
  end
  local instance = M.SqlServerInstanceInfo:new({
    host = host, serverName = fields.ServerName, instanceName = fields.InstanceName,
    pipeName = fields.np,
  })
  if fields.IsClustered then
    instance.isClustered = string.lower(fields.IsClustered) == "yes"
  end
  local number = math.tointeger(tonumber(fields.tcp))
  if number and number > 0 and number < 65536 then
    instance.port = { number = number, protocol = "tcp" }
  end
  instance.version = M.SqlServerVersionInfo:new()
  instance.version:SetVersionNumber(fields.Version or "", "SSRP")
  return instance
end

--- The instances in an answer of the browser service (MS-SQLR 2.2.5): names and values with
-- semicolons between, two of them between instances.
function M.SSRP.parse(host, data)
  local kind, length = string.unpack("<BI2", data .. "\0\0\0")
  if kind ~= 5 then
    return nil
  end
  local instances = {}
  for text in string.gmatch(string.sub(data, 4, 3 + length) .. ";;", "(.-);;+") do
    local fields = {}
    for name, value in string.gmatch(text .. ";", "([^;]+);([^;]*);") do
      fields[name] = value
    end
    local instance = instance_of(host, fields)
    if instance and #instances < instances_max then
      instances[#instances + 1] = instance
    end
  end
  return instances
end

--- Asks the browser service for all instances: `true, array` or `false, reason`.
function M.SSRP.DiscoverInstances(host, port)
  local status, data = comm.exchange(host, port or M.SSRP.PORT, "\3",
    { proto = "udp", timeout = 3000, tries = 2 })
  if not status then
    return false, data
  end
  local instances = M.SSRP.parse(host, data)
  if not instances or #instances == 0 then
    return false, "no answer of a browser service"
  end
  return true, instances
end

-- Packets -----------------------------------------------------------------------------------------

M.PacketType = { Query = 1, Response = 4, Login = 0x10, NTAuthentication = 0x11, PreLogin = 0x12 }
M.TokenType = { ErrorMessage = 0xaa, InformationMessage = 0xab, LoginAcknowledgement = 0xad,
  NTLMSSP_CHALLENGE = 0xed, Done = 0xfd }

--- Errors of logins, as the server numbers them.
M.LoginErrorType = {
  AccountLockedOut = 15113, NotAssociatedWithTrustedConnection = 18452,
  InvalidUsernameOrPassword = 18456, PasswordExpired = 18487, PasswordMustChange = 18488,
}
M.LoginErrorMessage = {
  [15113] = "Account is locked out",
  [18452] = "Only integrated logins are allowed",
  [18456] = "Login failed",
  [18487] = "Password is expired",
  [18488] = "Password must be changed",
}

--- The options of PRELOGIN (MS-TDS 2.2.6.5).
M.PreLoginPacket = {
  OPTION_TYPE = { Version = 0, Encryption = 1, InstOpt = 2, ThreadId = 3, MARS = 4,
    Terminator = 255 },
  ENCRYPT = { OFF = 0, ON = 1, NOT_SUPPORTED = 2, REQUIRED = 3 },
}
M.PreLoginPacket.__index = M.PreLoginPacket

function M.PreLoginPacket:new()
  return setmetatable({ encryption = self.ENCRYPT.NOT_SUPPORTED, instanceName = "" }, self)
end

--- The content of a client's packet.
function M.PreLoginPacket:ToBytes()
  local values = {
    { 0, "\11\0\0\0\0\0" }, { 1, string.char(self.encryption) }, { 2, self.instanceName .. "\0" },
    { 3, "\0\0\0\0" }, { 4, "\0" },
  }
  local offset, head, content = 5 * #values + 1, {}, {}
  for i, value in ipairs(values) do
    head[i] = string.pack(">BI2I2", value[1], offset, #value[2])
    content[i] = value[2]
    offset = offset + #value[2]
  end
  return table.concat(head) .. "\xff" .. table.concat(content)
end

--- A server's answer: { version = SqlServerVersionInfo, encryption = number }, or nil, reason.
function M.PreLoginPacket.FromBytes(data)
  local options, at = {}, 1
  while at <= #data and string.byte(data, at) ~= 0xff do
    if at + 4 > #data then
      return nil, "a PRELOGIN without an end"
    end
    local kind, offset, length = string.unpack(">BI2I2", data, at)
    options[kind] = string.sub(data, offset + 1, offset + length)
    at = at + 5
  end
  local bytes = options[0] or ""
  if #bytes < 6 then
    return nil, "no version in the PRELOGIN"
  end
  local major, minor, build, sub = string.unpack(">BBI2I2", bytes)
  local version = M.SqlServerVersionInfo:new()
  version:SetVersion(major, minor, build, sub, "SSNetLib")
  version.versionNumber = ("%d.%02d.%04d.%02d"):format(major, minor, build, sub)
  return { version = version, encryption = string.byte(options[1] or "") }
end

M.Auth = {}

--- A password as LOGIN7 has it: UTF-16, of each byte the halves exchanged, then xor 0xa5 (MS-TDS
-- 2.2.6.4). `decoder`: what reads the password (unicode.utf8_dec when nil).
function M.Auth.TDS7CryptPass(password, decoder)
  local wide = unicode.transcode(password, decoder or unicode.utf8_dec, unicode.utf16_enc)
  return (string.gsub(wide, ".", function(c)
    local byte = string.byte(c)
    return string.char((byte >> 4 | byte << 4 & 0xf0) ~ 0xa5)
  end))
end

--- LOGIN7: fields username, password, database, server, sspi (a token instead of a login).
M.LoginPacket = {}
M.LoginPacket.__index = M.LoginPacket

function M.LoginPacket:new()
  return setmetatable({}, self)
end
function M.LoginPacket:SetUsername(username)
  self.username = username
end
function M.LoginPacket:SetPassword(password)
  self.password = password
end
function M.LoginPacket:SetDatabase(database)
  self.database = database
end
function M.LoginPacket:SetServer(server)
  self.server = server
end

--- The content of the packet.
function M.LoginPacket:ToBytes()
  local texts, sspi = {}, self.sspi or ""
  for i, text in ipairs({ "MUSTER", self.username or "", "", "muster", self.server or "", "",
    "muster", "", self.database or "" }) do
    texts[i] = unicode.utf8to16(text)
  end
  texts[3] = M.Auth.TDS7CryptPass(self.password or "")
  local offset, places = 94, {}
  for i, text in ipairs(texts) do
    places[i] = string.pack("<I2I2", offset, #text // 2)
    offset = offset + #text
  end
  local head = string.pack("<I4I4I4I4I4BBBBi4I4", 0x72090002, 4096, 7, 0, 0, 0xe0,
    self.sspi and 0x83 or 0x03, 0, 0, 0, 0x409)
  local content = head .. table.concat(places) .. "\0\0\0\0\0\0"
    .. string.pack("<I2I2I2I2I2I2I4", offset, #sspi, offset + #sspi, 0, offset + #sspi, 0, 0)
    .. table.concat(texts) .. sspi
  return string.pack("<I4", #content + 4) .. content
end

-- Streams -----------------------------------------------------------------------------------------

--- A connection that carries packets.
M.TDSStream = {}
M.TDSStream.__index = M.TDSStream

function M.TDSStream:new(socket)
  return setmetatable({ socket = socket, number = 0 }, self)
end

--- Connects to a host and port: true, or false and the reason.
function M.TDSStream:Connect(host, port)
  local reason
  self.socket, reason = comm.opencon(host, port, nil,
    { connect_only = true, proto = "tcp", timeout = 7000 })
  return self.socket ~= nil, reason
end

function M.TDSStream:Disconnect()
  return self.socket and self.socket:close()
end

--- Sends one message of at most 32 KiB.
function M.TDSStream:Send(kind, data)
  self.number = self.number % 255 + 1
  return self.socket:send(string.pack(">BBI2I2BB", kind, 1, #data + 8, 0, self.number, 0) .. data)
end

--- The next message, its packets put together: `true, content, kind` or `false, reason`.
function M.TDSStream:Receive()
  local parts, length_all = {}, 0
  repeat
    local status, head = self.socket:receive_buf(match.numbytes(8), true)
    if not status then
      return false, head
    end
    local kind, flags, length = string.unpack(">BBI2", head)
    length_all = length_all + length
    if kind ~= M.PacketType.Response and kind ~= M.PacketType.PreLogin or length < 8
      or length_all > packet_max then
      return false, "no TDS packet"
    end
    if length > 8 then
      local data
      status, data = self.socket:receive_buf(match.numbytes(length - 8), true)
      if not status then
        return false, data
      end
      parts[#parts + 1] = data
    end
    self.last_kind = kind
  until flags & 1 ~= 0
  return true, table.concat(parts), self.last_kind
end

--- PRELOGIN: `true, { version, encryption }` or `false, reason`.
function M.TDSStream:PreLogin(instance_name)
  local packet = M.PreLoginPacket:new()
  packet.instanceName = instance_name or ""
  local status, data = self:Send(M.PacketType.PreLogin, packet:ToBytes())
  if status then
    status, data = self:Receive()
  end
  if not status then
    return false, data
  end
  local answer, reason = M.PreLoginPacket.FromBytes(data)
  return answer ~= nil, answer or reason
end

-- The first error of an answer to a login: number and text; or true when it is acknowledged.
local function login_verdict(data)
  local at = 1
  while at + 2 <= #data do
    local token, length = string.unpack("<BI2", data, at)
    if token == M.TokenType.LoginAcknowledgement then
      return true
    elseif token == M.TokenType.ErrorMessage and length >= 8 and at + 2 + length <= #data then
      local number, _, _, chars = string.unpack("<I4BBI2", data, at + 3)
      return nil, number, unicode.utf16to8(string.sub(data, at + 11, at + 10 + 2 * chars))
    elseif token ~= M.TokenType.InformationMessage and token ~= 0xe3 then
      break
    end
    at = at + 3 + length
  end
  return nil
end

-- Helper ------------------------------------------------------------------------------------------

M.Helper = {}
M.Helper.__index = M.Helper

function M.Helper:new()
  return setmetatable({}, self)
end

--- Connects to an instance (or host and port) and says PRELOGIN: true, or false and the reason.
-- `prelogin` is the server's answer.
function M.Helper:ConnectEx(instance)
  return self:Connect(instance.host, instance.port, instance.instanceName)
end
function M.Helper:Connect(host, port, instance_name)
  if not port then
    return false, "the instance has no TCP port"
  end
  self.stream = M.TDSStream:new()
  local status, answer = self.stream:Connect(host, port)
  if not status then
    return false, answer
  end
  status, answer = self.stream:PreLogin(instance_name)
  if not status then
    self.stream:Disconnect()
    return false, answer
  end
  self.prelogin = answer
  return true
end

function M.Helper:Disconnect()
  return self.stream:Disconnect()
end

--- Sends LOGIN7: `true, content of the answer` or `false, reason`.
function M.Helper:SendLogin(packet)
  if not self.prelogin then
    return false, "there is no connection"
  elseif self.prelogin.encryption == M.PreLoginPacket.ENCRYPT.REQUIRED then
    return false, "the server takes logins over TLS only"
  end
  local status, reason = self.stream:Send(M.PacketType.Login, packet:ToBytes())
  if not status then
    return false, reason
  end
  return self.stream:Receive()
end

--- Logs in: true, or false, the reason and the server's number for it.
function M.Helper:Login(username, password, database, server)
  local packet = M.LoginPacket:new()
  packet.username, packet.password = username, password
  packet.database, packet.server = database, server
  local status, data = self:SendLogin(packet)
  if not status then
    return false, data
  end
  local ok, number, text = login_verdict(data)
  if ok then
    return true
  end
  return false, M.LoginErrorMessage[number] or text or "no answer to the login", number
end

local function is_reachable(host, number, protocol)
  local state = nmap.get_port_state(host, { number = number, protocol = protocol })
  return state ~= nil and (state.state == "open" or state.state == "open|filtered"), state
end

--- All instances that a host tells of or has on its ports, asked once for each host: an array; and why
-- the browser service told none.
function M.Helper.Discover(host)
  host.registry = host.registry or {}
  local known = host.registry.mssql_instances
  if known then
    return known, host.registry.mssql_silence
  end
  local status, instances = M.SSRP.DiscoverInstances(host)
  host.registry.mssql_silence = not status and instances or nil
  instances = status and instances or {}
  local ports = {}
  for _, instance in ipairs(instances) do
    ports[instance.port and instance.port.number or 0] = true
  end
  if is_reachable(host, 1433, "tcp") and not ports[1433] then
    instances[#instances + 1] = M.SqlServerInstanceInfo:new({
      host = host, port = { number = 1433, protocol = "tcp" },
    })
  end
  host.registry.mssql_instances = instances
  return instances, host.registry.mssql_silence
end

--- The same under the names that scripts of different ages use.
M.Helper.GetDiscoveredInstances = M.Helper.Discover
function M.Helper.WasDiscoveryPerformed(host)
  return host.registry ~= nil and host.registry.mssql_instances ~= nil
end

--- The instance at a port: the one discovered, or a new one.
function M.Helper.GetTargetInstances(host, port)
  if not port then
    return true, M.Helper.Discover(host)
  end
  for _, instance in ipairs(M.Helper.WasDiscoveryPerformed(host) and M.Helper.Discover(host) or {}) do
    if instance.port and instance.port.number == port.number then
      return true, { instance }
    end
  end
  return true, { M.SqlServerInstanceInfo:new({ host = host, port = port }) }
end

--- A rule for hosts where SQL Server may be.
function M.Helper.GetHostrule()
  return function(host)
    return is_reachable(host, 1433, "tcp") or is_reachable(host, 1434, "udp")
  end
end

local port_rule = shortport.port_or_service(1433, "ms-sql-s")

--- Action, portrule and hostrule of a script that does something for each instance: process
-- (instance) gives a result or nil.
function M.Helper.InitScript(process)
  local function action(host, port)
    local _, instances = M.Helper.GetTargetInstances(host, port)
    local output = stdnse.output_table()
    for _, instance in ipairs(instances) do
      output["[" .. instance:GetName() .. "]"] = process(instance)
    end
    return #output > 0 and output or nil
  end
  return action, port_rule, M.Helper.GetHostrule()
end

M.Util = {}

--- Rows as lines, for old scripts: values separated by tabs, the names of the columns first unless
-- `with_headers` is false.
function M.Util.FormatOutputTable(result, with_headers)
  local lines = {}
  if with_headers ~= false then
    local names = {}
    for _, column in ipairs(result.colinfo or {}) do
      names[#names + 1] = column.text
    end
    lines[1] = table.concat(names, "\t")
  end
  for _, row in pairs(result.rows or {}) do
    lines[#lines + 1] = type(row) == "table" and table.concat(row, "\t") or row
  end
  return lines
end

return M
