description = [[
Finds Java programs that wait for a debugger, and shows their version. Whoever reaches such a port can
run what they like in the program.
]]
---
-- @output
-- | jdwp-version:
-- |   Version: 17.0
-- |   VM: OpenJDK 64-Bit Server VM
-- |_  VM version: 17.0.13

author = "Muster"
license = "Apache-2.0"
categories = { "version" }

identity = {}
volatile = {}
finding = "critical"

local asker = require "asker"
local match = require "match"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

-- Most of these ports serve other things: only those that no one knows are asked.
portrule = shortport.version_port_or_service({ 5005, 8000, 8453, 8787, 9001 }, { "jdwp", "unknown",
  "avt-profile-2", "msgsrvr" })

local greeting, packet_max = "JDWP-Handshake", 65536

-- The data of the answer to a command without data, or nil and, when it was lost, the reason. Events,
-- such as that the program waits, come before it; an echo is no answer.
local function read_answer(socket, command)
  for _ = 1, 10 do
    local status, head = socket:receive_buf(match.numbytes(11), true)
    if not status then
      return nil, head
    end
    local length, number, flags, fault = string.unpack(">I4I4BI2", head)
    if length < 11 or length > packet_max or head == command then
      return nil
    end
    local body = ""
    if length > 11 then
      status, body = socket:receive_buf(match.numbytes(length - 11), true)
    end
    if not status then
      return nil, body
    elseif flags & 0x80 ~= 0 then
      return number == string.unpack(">I4", command, 5) and fault == 0 and body or nil
    end
  end
end

-- VirtualMachine.Version: JDWP, "Packet format" and "VirtualMachine Command Set".
local function ask_version(socket)
  local command = string.pack(">I4I4BBB", 11, 1, 0, 1, 1)
  socket:send(command)
  local body, reason = read_answer(socket, command)
  local ok, _, major, minor, version, name = pcall(string.unpack, ">s4I4I4s4s4", body or "")
  return ok and { major = major, minor = minor, version = version, name = name } or nil, reason
end

function action(host, port)
  local socket, found = nmap.new_socket(), nil
  socket:set_timeout(5000)
  local status, answer = socket:connect(host, port)
  if status then
    socket:send(greeting)
    status, answer = socket:receive_buf(match.numbytes(#greeting), true)
  end
  local shakes_hands, reason = status and answer == greeting, nil
  if shakes_hands then
    found, reason = ask_version(socket)
  end
  socket:close()
  if shakes_hands and not found then
    return asker.broken_off(reason)
  elseif not found then
    return asker.unanswered(port, { "jdwp" }, answer)
  end
  local output = stdnse.output_table()
  output.Version = ("%d.%d"):format(found.major, found.minor)
  output.VM = found.name
  output["VM version"] = found.version
  port.version.name, port.version.product = "jdwp", "Java Debug Wire Protocol"
  port.version.version = output.Version
  port.version.extrainfo = found.name .. " " .. found.version
  nmap.set_port_version(host, port)
  return output
end
