description = [[
Shows the public host keys of an SSH server. At the end of a scan hosts with the same key are
reported.
]]
---
-- @args ssh_hostkey  Which forms to show, several separated by blanks: md5 (the default),
--                    sha256, bubble, visual, full, all.
-- @args ssh-hostkey.known-hosts, ssh-hostkey.known-hosts-path  Compare with this known_hosts file.
--
-- @output
-- | ssh-hostkey:
-- |   3072 ad2e100424cf430dcbcb28cc71d5cd49 (RSA)
-- |_  256 42bc7b4896d2814bc885c25b52f8debb (ECDSA)

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

-- Host keys are made for each machine and survive a change of its address.
identity = { "key" }
volatile = {}

local asker = require "asker"
local ipOps = require "ipOps"
local shortport = require "shortport"
local ssh1 = require "ssh1"
local ssh2 = require "ssh2"
local stdnse = require "stdnse"
local openssl = stdnse.silent_require "openssl"

portrule = shortport.ssh

function postrule()
  return nmap.registry.sshhostkey ~= nil
end

local key_types = {
  "ssh-dss", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
  "ssh-ed25519",
}

local forms = {
  { "md5", function(key)
    return ssh1.fingerprint_hex(key.fingerprint, key.algorithm, key.bits)
  end },
  { "sha256", function(key)
    return ssh1.fingerprint_base64(key.fp_sha256, "SHA256", key.algorithm, key.bits)
  end },
  { "bubble", function(key)
    return ssh1.fingerprint_bubblebabble(openssl.sha1(key.fp_input), key.algorithm, key.bits)
  end },
  { "visual", function(key)
    return ssh1.fingerprint_visual(key.fingerprint, key.algorithm, key.bits)
  end },
  { "full", function(key)
    return key.full_key
  end },
}

local function wanted_text(key)
  local wanted = stdnse.get_script_args("ssh_hostkey")
  wanted = type(wanted) == "string" and wanted:lower() or "md5"
  local out = {}
  for _, form in ipairs(forms) do
    if wanted:find(form[1], 1, true) or wanted:find("all", 1, true) then
      out[#out + 1] = form[2](key)
    end
  end
  return table.concat(out, "\n")
end

-- Answers; any other reason is that there was none.
local has_none = {
  ["the server has no key of this type"] = true, ["no key exchange in common"] = true,
  ["no key"] = true,
}

-- Asks for keys of these types; into `keys`, by type. The types that got no answer, and why.
local function fetch_types(host, port, types, keys)
  local unknown, reason = {}, nil
  for _, key_type in ipairs(types) do
    local key, why = ssh2.fetch_host_key(host, port, key_type)
    keys[key_type] = key
    if not key and not has_none[why] then
      unknown[#unknown + 1], reason = key_type, why
    end
  end
  return unknown, reason
end

-- The keys, or nil and why none was got. A server that turned one of the connections away, as busy
-- ones do, still has that key.
local function fetch_keys(host, port)
  local by_type, keys = {}, { ssh1.fetch_host_key(host, port) }
  local unknown, reason = fetch_types(host, port, key_types, by_type)
  if #unknown > 0 and (next(by_type) or keys[1]) then
    unknown, reason = fetch_types(host, port, unknown, by_type)
    if #unknown > 0 then
      error("no answer for " .. table.concat(unknown, ", ") .. ": " .. tostring(reason), 0)
    end
  end
  for _, key_type in ipairs(key_types) do
    keys[#keys + 1] = by_type[key_type]
  end
  return keys[1] and keys or nil, reason
end

local function key_data(key)
  local data = stdnse.output_table()
  data.type = key.key_type
  data.bits = key.bits
  data.key = key.key
  data.fingerprint = stdnse.tohex(key.fingerprint)
  local text = wanted_text(key)
  getmetatable(data).__tostring = function()
    return text
  end
  return data
end

-- Lines of known_hosts against the keys of a host.
local function check_known_hosts(host, port, keys)
  local argument, path = stdnse.get_script_args("ssh-hostkey.known-hosts",
    "ssh-hostkey.known-hosts-path")
  if not (argument or path) then
    return nil
  end
  local entries, message = ssh1.parse_known_hosts_file(path)
  if not entries then
    return { "known_hosts could not be read: " .. message }
  end
  local names = {}
  for _, name in ipairs({ host.ip, host.targetname or host.ip, host.name or host.ip }) do
    names[name] = true
    names["[" .. name .. "]:" .. port.number] = true
  end
  local good, bad = {}, {}
  for _, line in ipairs(entries) do
    local listed = false
    for name in line.entry[1]:gmatch("[^,]+") do
      listed = listed or names[name]
    end
    for _, key in ipairs(listed and keys or {}) do
      if key.key_type == line.entry[2] then
        local list = key.key == line.entry[3] and good or bad
        list[#list + 1] = key.algorithm .. " (line " .. line.linenumber .. ")"
      end
    end
  end
  return { "known_hosts: matches " .. (#good > 0 and table.concat(good, ", ") or "none")
    .. (#bad > 0 and "; WRONG " .. table.concat(bad, ", ") or "") }
end

local function port_action(host, port)
  local keys, reason = fetch_keys(host, port)
  if not keys then
    return asker.unanswered(port, { "ssh", plain = true }, reason)
  end
  local registry = nmap.registry.sshhostkey or {}
  nmap.registry.sshhostkey = registry
  registry[host.ip] = registry[host.ip] or {}
  local output = {}
  for _, key in ipairs(keys) do
    output[#output + 1] = key_data(key)
    table.insert(registry[host.ip], {
      key = key.key, text = ssh1.fingerprint_hex(key.fingerprint, key.algorithm, key.bits),
    })
  end
  for _, line in ipairs(check_known_hosts(host, port, keys) or {}) do
    output[#output + 1] = line
  end
  return output
end

-- Keys that several hosts have, each with the sorted addresses.
local function shared_keys()
  local hosts_of, texts = {}, {}
  for ip, keys in pairs(nmap.registry.sshhostkey or {}) do
    local seen = {}
    for _, key in ipairs(keys) do
      if not seen[key.key] then
        seen[key.key], texts[key.key] = true, key.text
        hosts_of[key.key] = hosts_of[key.key] or {}
        table.insert(hosts_of[key.key], ip)
      end
    end
  end
  local shared = {}
  for key, ips in pairs(hosts_of) do
    if #ips > 1 then
      ipOps.ip_sort(ips)
      shared[#shared + 1] = { text = texts[key], ips = ips }
    end
  end
  table.sort(shared, function(a, b)
    return a.text < b.text
  end)
  return shared
end

local function post_action()
  local lines, data = {}, {}
  for _, entry in ipairs(shared_keys()) do
    local item = stdnse.output_table()
    item.hosts = entry.ips
    item.key = entry.text
    data[#data + 1] = item
    lines[#lines + 1] = "Key " .. entry.text .. " used by:"
    for _, ip in ipairs(entry.ips) do
      lines[#lines + 1] = "  " .. ip
    end
  end
  if #data == 0 then
    return nil
  end
  return data, "Possible duplicate hosts\n" .. table.concat(lines, "\n")
end

function action(...)
  if SCRIPT_TYPE == "postrule" then
    return post_action()
  end
  return port_action(...)
end
