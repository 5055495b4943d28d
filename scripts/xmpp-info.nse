description = [[
Shows what an XMPP server offers before and after TLS: ways to log in, compression, registration,
and what it calls itself.
]]
---
-- @args xmpp-info.server_name The name to ask for; default the host's. Servers answer only for names
--       that they serve.
--
-- @output
-- | xmpp-info:
-- |   Respects server name
-- |   info:
-- |     xmpp:
-- |       lang: en
-- |       version: 1.0
-- |     capabilities:
-- |     features:
-- |       In-Band Registration
-- |     auth_mechanisms:
-- |       SCRAM-SHA-1
-- |   pre_tls:
-- |     xmpp:
-- |     capabilities:
-- |     features:
-- |       TLS
-- |   post_tls:
-- |     xmpp:
-- |     capabilities:
-- |     auth_mechanisms:
-- |_      PLAIN

author = "Muster"
license = "Apache-2.0"
categories = { "version", "default", "discovery", "safe" }

identity = {}
volatile = { "stream_id" }

local asker = require "asker"
local shortport = require "shortport"
local stdnse = require "stdnse"
local xmpp = require "xmpp"

local services = { "jabber", "xmpp", "xmpp-client", "xmpp-server", "xmpps-client" }
portrule = shortport.port_or_service({ 5222, 5223, 5269, 5270 }, services)

-- Features by namespace (registrar of the XMPP Standards Foundation), as they are called here.
local feature_names = {
  ["urn:ietf:params:xml:ns:xmpp-tls"] = "TLS",
  ["urn:ietf:params:xml:ns:xmpp-bind"] = "Resource Binding",
  ["urn:ietf:params:xml:ns:xmpp-session"] = "IM Session",
  ["http://jabber.org/features/iq-register"] = "In-Band Registration",
  ["http://jabber.org/features/iq-auth"] = "Non-SASL Authentication",
  ["http://jabber.org/features/amp"] = "Advanced Message Processing",
  ["urn:xmpp:features:rosterver"] = "Roster Versioning",
  ["urn:xmpp:features:dialback"] = "Server Dialback",
  ["urn:xmpp:features:pre-approval"] = "Subscription Pre-Approval",
  ["urn:xmpp:sm:2"] = "Stream Management", ["urn:xmpp:sm:3"] = "Stream Management",
  ["urn:xmpp:csi:0"] = "Client State Indication",
}
-- Those that have sections of their own.
local sections = { mechanisms = true, compression = true, c = true }

local function add(list, seen, value)
  if not seen[value] then
    seen[value] = true
    list[#list + 1] = value
  end
end

-- What one opening of a stream told, as sorted lists and sets by section.
local function describe(stream)
  local told = {
    stream_id = stream.attrs.id, xmpp = stdnse.output_table(), capabilities = stdnse.output_table(),
    features = {}, compression_methods = stream:listed("compression", "method"),
    auth_mechanisms = stream:listed("mechanisms", "mechanism"), errors = {}, unknown = {},
  }
  told.xmpp.lang = stream.attrs["xml:lang"]
  told.xmpp.version = stream.attrs.version
  local caps = xmpp.XML.find(stream.features, "c")
  if caps and caps.attrs.xmlns == xmpp.NS.CAPS then
    told.capabilities.node = caps.attrs.node
    told.capabilities.ver = caps.attrs.ver
  end
  local seen = {}
  for _, element in ipairs(stream.features) do
    local name = feature_names[element.attrs.xmlns or ""]
    if name then
      add(told.features, seen, name)
    elseif not sections[element.name:match("[^:]+$")] then
      add(told.unknown, seen, element.attrs.xmlns or element.name)
    end
  end
  for _, element in ipairs(stream.errors or {}) do
    told.errors[#told.errors + 1] = element.name .. (element.text ~= "" and ": " .. element.text or "")
  end
  -- servers name them in another order after each start
  for _, section in ipairs({ "features", "compression_methods", "auth_mechanisms", "unknown" }) do
    table.sort(told[section])
  end
  return told
end

local tables = { "xmpp", "capabilities" }
local lists = { "features", "compression_methods", "auth_mechanisms", "errors", "unknown" }

-- The part of `a` for which keep(value, same value of b) holds.
local function part(a, b, keep)
  local out = stdnse.output_table()
  for _, section in ipairs(tables) do
    out[section] = stdnse.output_table()
    for key, value in pairs(a[section]) do
      if keep(value == (b and b[section][key])) then
        out[section][key] = value
      end
    end
  end
  for _, section in ipairs(lists) do
    local other = {}
    for _, value in ipairs(b and b[section] or {}) do
      other[value] = true
    end
    local kept = {}
    for _, value in ipairs(a[section]) do
      if keep(other[value] or false) then
        kept[#kept + 1] = value
      end
    end
    out[section] = #kept > 0 and kept or nil
  end
  return out
end

local function is_same(same)
  return same
end
local function is_other(same)
  return not same
end

local function name_line(stream)
  local from = stream.attrs.from
  if stream.errors then
    return nil
  elseif from == stream.name then
    return "Respects server name"
  end
  return from and from ~= "" and "Ignores server name" or nil
end

-- One opening: all it told, without the empty sections.
local function show_one(output, told)
  local info = part(told, nil, is_other)
  for _, section in ipairs(tables) do
    info[section] = #info[section] > 0 and info[section] or nil
  end
  info.stream_id = told.stream_id
  output.info = info
end

function action(host, port)
  local stream = xmpp.XMPP:new(host, port,
    { server_name = stdnse.get_script_args(SCRIPT_NAME .. ".server_name") })
  local status, reason = stream:connect()
  if not status then
    return asker.unanswered(port, services, reason)
  end
  for _, element in ipairs(stream.errors or {}) do
    -- RFC 6120, section 4.9.3
    asker.check_busy(element.name, "^resource%-constraint$", "^system%-shutdown$",
      "^internal%-server%-error$")
  end
  local output = stdnse.output_table()
  table.insert(output, name_line(stream))
  local before = describe(stream)
  local offers_tls = xmpp.XML.find(stream.features, "starttls")
  local begun, failure = false, nil
  if offers_tls and not stream.secure then
    begun, failure = stream:starttls()
  end
  if begun then
    local after = describe(stream)
    output.info = part(before, after, is_same)
    output.pre_tls = part(before, after, is_other)
    output.post_tls = part(after, before, is_other)
  elseif failure == "TIMEOUT" then
    stream:disconnect()
    error("no answer to STARTTLS", 0)
  else
    if offers_tls and not stream.secure then
      table.insert(output, "STARTTLS Failed")
    end
    show_one(output, before)
  end
  stream:disconnect()
  return output
end
