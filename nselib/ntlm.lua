--- Who a server is, by its NTLM challenge (MS-NLMP 2.2.1.2), for every protocol that carries NTLM.
--
-- The client sends NEGOTIATE, the server answers CHALLENGE with its names and its version; nobody
-- logs in. Sources of the carriers: MS-SMTPNTLM, MS-OXIMAP4, MS-POP3, MS-NNTP, MS-TNAP.

local asker, base64, comm, ipairs = require "asker", require "base64", require "comm", ipairs
local os = os
local smbauth, sslcert, stdnse = require "smbauth", require "sslcert", require "stdnse"
local string, type = string, type

local M = {}

local reply_max, lines_max = 16384, 100

--- The first message of a client, as bytes.
function M.negotiate()
  local _, message = smbauth.get_security_blob(nil)
  return message
end

--- The same in base64, as text protocols carry it.
function M.negotiate64()
  return base64.enc(M.negotiate())
end

--- The bytes of a token in base64; nil when it is none.
function M.decode64(text)
  local bytes = base64.dec(text or "")
  return bytes ~= "" and bytes or nil
end

local order = {
  { "Target_Name", "target_realm" }, { "NetBIOS_Domain_Name", "netbios_domain_name" },
  { "NetBIOS_Computer_Name", "netbios_computer_name" }, { "DNS_Domain_Name", "dns_domain_name" },
  { "DNS_Computer_Name", "fqdn" }, { "DNS_Tree_Name", "dns_forest_name" },
}

-- Units of 100 ns since 1601 as UTC; nil outside of 1970 to 9999.
local function utc(filetime)
  local seconds = filetime // 10000000 - 11644473600
  if seconds < 0 or seconds > 253402300799 then
    return nil
  end
  return os.date("!%Y-%m-%dT%H:%M:%S+00:00", seconds)
end

--- What a challenge (bytes, maybe inside of something else) tells: an output table with
-- Target_Name, NetBIOS_Domain_Name, NetBIOS_Computer_Name, DNS_Domain_Name, DNS_Computer_Name,
-- DNS_Tree_Name, Product_Version, each where the server tells it; nil when there is no challenge.
-- The second result is the server's clock (ISO 8601, UTC) or nil.
function M.facts(blob)
  local info = blob and smbauth.get_host_info_from_security_blob(blob) or {}
  local output = stdnse.output_table()
  for _, entry in ipairs(order) do
    local value = info[entry[2]]
    if value and value ~= "" then
      output[entry[1]] = value
    end
  end
  if info.os_major_version then
    output.Product_Version = string.format("%d.%d.%d", info.os_major_version,
      info.os_minor_version, info.os_build)
  end
  if #output == 0 then
    return nil
  end
  return output, info.timestamp and utc(info.timestamp) or nil
end

-- The last line of a reply: one that is no "250-more" and no untagged "* line"; nil and the reason.
local function last_line(socket)
  for _ = 1, lines_max do
    local status, line = socket:receive_buf("\r?\n", false)
    if not status or #line > reply_max then
      return nil, line
    elseif not string.find(line, "^%d%d%d%-") and not string.find(line, "^%* ") then
      return line
    end
  end
end

-- Says each line and expects its reply; what the last pattern captures is the challenge. To end the
-- connection is one way to refuse; silence of a server that has greeted us says nothing.
local function converse(socket, steps)
  local found
  for _, step in ipairs(steps) do
    socket:send(step[1] .. "\r\n")
    local line, reason = last_line(socket)
    if reason == "TIMEOUT" then
      socket:close()
      asker.broken_off(reason)
    end
    found = string.match(line or "", step[2])
    if not found then
      return nil
    end
  end
  return M.decode64(found)
end

local function finish(socket, blob, cancel)
  if blob and cancel then
    socket:send(cancel .. "\r\n")
  end
  socket:close()
  return blob
end

local function ask_directly(host, port, steps, greeting, cancel)
  local socket, first, _, early = comm.tryssl(host, port, "",
    { recv_before = true, lines = 1, timeout = 10000 })
  if not socket then
    return nil, first
  end
  if not string.find(early or first or "", greeting) then
    socket:close()
    -- SMTP, NNTP, IMAP; the code of POP3 is RFC 3206's
    asker.check_busy(early or first, "^421", "^400", "^%* BYE", "^%-ERR %[SYS/TEMP%]")
    return nil
  end
  return finish(socket, converse(socket, steps), cancel)
end

-- Many servers offer NTLM only once the connection is encrypted.
local function ask_after_starttls(host, port, steps, cancel)
  local prepare = sslcert.getPrepareTLSWithoutReconnect(port)
  local status, socket = false, nil
  if prepare then
    status, socket = prepare(host, port)
  end
  if not status then
    return nil
  end
  if not socket:reconnect_ssl() then
    socket:close()
    return nil
  end
  return finish(socket, converse(socket, steps), cancel)
end

--- Asks a server that speaks lines. `dialog`: greeting (pattern of its first line), steps (array of
-- { line, pattern of the reply }; the last pattern captures the challenge in base64), cancel (a line
-- that ends the login, or nil), services (the names of the service, see asker.unanswered). In plain
-- text or over TLS, whichever the port speaks; then after STARTTLS. As `facts`.
function M.ask(host, port, dialog)
  if type(port) ~= "table" then
    return nil
  end
  local blob, reason = ask_directly(host, port, dialog.steps, dialog.greeting, dialog.cancel)
  if reason then
    asker.unanswered(port, dialog.services or {}, reason)
  end
  blob = blob or ask_after_starttls(host, port, dialog.steps, dialog.cancel)
  return M.facts(blob)
end

return M
