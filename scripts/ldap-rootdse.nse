description = [[
Shows the root entry of an LDAP directory, which servers give to anyone: what they hold, what they
can do, and, of Active Directory, the names of domain and host.
]]
---
-- @output
-- | ldap-rootdse:
-- | LDAP Results
-- |   <ROOT>
-- |       namingContexts: dc=example,dc=com
-- |_      supportedLDAPVersion: 3

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = { "currentTime", "highestCommittedUSN" }

local asker = require "asker"
local comm = require "comm"
local ldap = require "ldap"
local shortport = require "shortport"
local stdnse = require "stdnse"

local services = { "ldap", "ldapssl", "ldaps" }
portrule = shortport.port_or_service({ 389, 636 }, services)

-- Status, entries or the reason, and whether an LDAP server has answered something else before.
local function search(host, port)
  local params = {
    scope = ldap.SCOPE.base, baseObject = "", derefPolicy = ldap.DEREFPOLICY.never,
    filter = { op = ldap.FILTER.present, obj = "objectClass" },
    attributes = {
      "_domainControllerFunctionality", "configurationNamingContext", "currentTime",
      "defaultNamingContext", "dnsHostName",
      "_domainFunctionality", "dsServiceName", "_forestFunctionality", "highestCommittedUSN",
      "isGlobalCatalogReady",
      "isSynchronized", "ldap-get-baseobject", "ldapServiceName", "namingContexts",
      "rootDomainNamingContext",
      "schemaNamingContext", "serverName", "subschemaSubentry", "supportedCapabilities",
      "supportedControl",
      "supportedLDAPPolicies", "supportedLDAPVersion", "supportedSASLMechanisms", "altServer",
      "supportedExtension",
    },
  }
  if port.protocol == "udp" then
    local status, result = ldap.udpSearchRequest(host, port, params)
    return status, result
  end
  -- an anonymous bind, which any server answers in some way
  local socket, reply = comm.tryssl(host, port, "\x30\x0c\2\1\1\x60\7\2\1\3\4\0\x80\0",
    { timeout = 10000 })
  if not socket then
    return false, reply
  end
  local status, result = ldap.searchRequest(socket, params)
  socket:close()
  return status, result, reply:find("^\x30") ~= nil
end

local function set_version(host, port, entries)
  local vendor = ldap.extractAttribute(entries, "vendorVersion")
  if ldap.extractAttribute(entries, "defaultNamingContext") and not port.version.product then
    port.version.product = "Microsoft Active Directory LDAP"
    nmap.set_port_version(host, port, "softmatched")
  elseif vendor and not port.version.product then
    port.version.product = vendor[1]
    nmap.set_port_version(host, port, "softmatched")
  end
end

-- The values of an attribute are a set (RFC 4511, section 4.1.7): their order says nothing.
local function data_of(entries)
  local data = stdnse.output_table()
  for _, entry in ipairs(entries) do
    local attributes = stdnse.output_table()
    for _, attribute in ipairs(entry.attributes) do
      local values = {}
      for i = 2, #attribute do
        values[#values + 1] = tostring(attribute[i])
      end
      table.sort(values)
      attributes[attribute[1]] = values
    end
    data[entry.objectName ~= "" and entry.objectName or "<ROOT>"] = attributes
  end
  return data
end

function action(host, port)
  local status, entries, answers = search(host, port)
  if not status then
    -- busy, unavailable (RFC 4511, appendix A.2)
    asker.check_busy(entries, "^Code: 5[12]|")
  end
  if not status and answers then
    return asker.broken_off(entries)
  elseif not status then
    return asker.unanswered(port, services, entries)
  end
  local list = ldap.searchResultToTable(entries)
  if #list == 0 or #list[1][1] == 0 then
    return nil
  end
  set_version(host, port, entries)
  local output = { name = "LDAP Results" }
  for _, entry in ipairs(list) do
    output[#output + 1] = { name = entry.name, entry[1] }
  end
  return data_of(entries), stdnse.format_output(true, output)
end
