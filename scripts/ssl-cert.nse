description = [[
Shows the certificate of a TLS server: subject, issuer, key, signature, validity and fingerprints.

Servers that begin in plain text (FTP, SMTP, IMAP, POP3, NNTP, LDAP, XMPP, MySQL, PostgreSQL, SQL
Server, VNC, RDP) are asked to switch to TLS first. With verbosity the certificate itself is shown
as PEM.
]]
---
-- @output
-- | ssl-cert: Subject: commonName=www.lab.test/organizationName=Lab Net
-- | Subject Alternative Name: DNS:www.lab.test
-- | Not valid before: 2026-01-01T00:00:00
-- |_Not valid after:  2027-01-01T00:00:00

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

-- A key belongs to one device or one service, and stays when its address changes.
identity = { "sha1", "pubkey" }
volatile = {}

local datetime = require "datetime"
local nmap = require "nmap"
local outlib = require "outlib"
local shortport = require "shortport"
local sslcert = require "sslcert"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local probe = require "tls.probe"

function portrule(host, port)
  return port.protocol == "tcp" and (shortport.ssl(host, port) or sslcert.isPortSupported(port))
end

local main_attributes = { "commonName", "organizationName", "stateOrProvinceName", "countryName" }

-- Attributes without a name have the parts of their object identifier as the key.
local function attribute_name(key)
  return type(key) == "table" and table.concat(key, ".") or key
end

-- "commonName=.../organizationName=...": the main attributes, with verbosity the others too.
local function name_text(name)
  local parts, shown = {}, {}
  for _, key in ipairs(main_attributes) do
    if name[key] then
      parts[#parts + 1] = key .. "=" .. name[key]
    end
    shown[key] = true
  end
  if nmap.verbosity() > 1 then
    local others = {}
    for key, value in pairs(name) do
      if not shown[key] then
        others[#others + 1] = attribute_name(key) .. "=" .. value
      end
    end
    table.sort(others)
    table.move(others, 1, #others, #parts + 1, parts)
  end
  return table.concat(parts, "/")
end

local function name_data(name)
  local data = {}
  for key, value in pairs(name) do
    data[attribute_name(key)] = value
  end
  return outlib.sorted_by_key(data)
end

local function key_data(pubkey)
  local data = stdnse.output_table()
  data.type = pubkey.type
  data.bits = pubkey.bits
  if pubkey.modulus then
    data.modulus = tostring(pubkey.modulus)
    data.exponent = pubkey.exponent:todec()
  end
  data.ecdhparams = pubkey.ecdhparams
  return data
end

local function extension_data(extensions)
  local list, alternative_names = {}, nil
  for _, extension in ipairs(extensions or {}) do
    local data = stdnse.output_table()
    data.name = extension.name
    data.value = extension.value
    data.critical = extension.critical
    data.error = extension.error
    list[#list + 1] = data
    if extension.name == "X509v3 Subject Alternative Name" then
      alternative_names = extension.value
    end
  end
  return #list > 0 and list or nil, alternative_names
end

local function date_text(date)
  return type(date) == "table" and datetime.format_timestamp(date) or date or "?"
end

local function structured(cert)
  local data = stdnse.output_table()
  local alternative_names
  data.subject = name_data(cert.subject or {})
  data.issuer = name_data(cert.issuer or {})
  data.pubkey = key_data(cert.pubkey or {})
  data.extensions, alternative_names = extension_data(cert.extensions)
  data.sig_algo = cert.sig_algorithm
  local validity = stdnse.output_table()
  validity.notBefore = date_text(cert.validity and cert.validity.notBefore)
  validity.notAfter = date_text(cert.validity and cert.validity.notAfter)
  data.validity = validity
  data.md5 = stdnse.tohex(cert:digest("md5"))
  data.sha1 = stdnse.tohex(cert:digest("sha1"))
  data.pem = cert.pem
  return data, alternative_names
end

local function fingerprint(cert, algorithm)
  return stdnse.tohex(cert:digest(algorithm), { separator = " ", group = 4 })
end

local function text_of(cert, data, alternative_names)
  local lines = { "Subject: " .. name_text(cert.subject or {}) }
  local function add(line)
    lines[#lines + 1] = line
  end
  if alternative_names then
    add("Subject Alternative Name: " .. alternative_names)
  end
  local verbosity = nmap.verbosity()
  if verbosity > 0 then
    add("Issuer: " .. name_text(cert.issuer or {}))
    add("Public Key type: " .. tostring(data.pubkey.type))
    add("Public Key bits: " .. tostring(data.pubkey.bits))
    add("Signature Algorithm: " .. tostring(data.sig_algo))
  end
  add("Not valid before: " .. data.validity.notBefore)
  add("Not valid after:  " .. data.validity.notAfter)
  if verbosity > 0 then
    add("MD5:   " .. fingerprint(cert, "md5"))
    add("SHA-1: " .. fingerprint(cert, "sha1"))
  end
  if verbosity > 1 then
    add(cert.pem)
  end
  return table.concat(lines, "\n")
end

function action(host, port)
  local found, cert = sslcert.getCertificate(host, port)
  if not found then
    return probe.unanswered(host, port, cert)
  end
  local data, alternative_names = structured(cert)
  return data, text_of(cert, data, alternative_names)
end
