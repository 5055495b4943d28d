-- slp-services on exchanges as RFC 2608 has them, and on others.
local test, check, fake = ...
local script, srvloc = require "support.script", require "srvloc"
local port = { number = 427, service = "svrloc", protocol = "udp" }

local function message(request, kind, body)
  return string.pack(">BBI3I2I3c2s2", 2, kind, 16 + #body, 0, 0, request:sub(11, 12), "en") .. body
end

local function url_entry(url)
  return "\0\xff\xff" .. string.pack(">s2", url) .. "\0"
end

local url = "service:wbem:https://192.0.2.1:5989"

-- What an ESXi host announces.
local function esxi(peer)
  local request = peer:recv()
  while request do
    local kind = request:byte(2)
    if kind == 9 then
      peer:send(message(request, 10, "\0\0" .. string.pack(">s2", "service:wbem,service:VMwareInfra")))
    elseif kind == 1 and request:find("service:wbem", 1, true) then
      peer:send(message(request, 2, "\0\0\0\1" .. url_entry(url)))
    elseif kind == 1 then
      peer:send(message(request, 2, "\0\0\0\0"))
    else
      peer:send(message(request, 7, "\0\0" .. string.pack(">s2",
        "(template-type=wbem),(service-id=uuid:1,2),multicast")))
    end
    request = peer:recv()
  end
end

test("services and attributes are shown", function()
  fake.servers["udp:427"] = esxi
  local text, data = script.run("slp-services", port)
  check.equal(text, [[
  service:wbem:https://192.0.2.1:5989: 
    (template-type=wbem)
    (service-id=uuid:1,2)]])
  check.same(data[url], { "(template-type=wbem)", "(service-id=uuid:1,2)" })
end)

test("a lost datagram is no change", function()
  for lost = 1, 2 do
    fake.servers["udp:427"] = script.lossy(esxi, function(request)
      return request:sub(2, 2) .. request:sub(15)
    end, lost)
    local _, data = script.run("slp-services", port)
    check.same(data[url], { "(template-type=wbem)", "(service-id=uuid:1,2)" })
  end
end)

test("a host that falls silent on the way is no result", function()
  for _, kind in ipairs({ 1, 6 }) do
    fake.servers["udp:427"] = script.lossy(esxi, function(request)
      return request:byte(2)
    end, { [kind] = 100 })
    check.throws("no answer", script.run, "slp-services", port)
  end
end)

test("refusals, other versions, lies about lengths and silence give none", function()
  for _, answer in ipairs({ "\2\x0a\0\0\x14\0\0\0\0\0\0\0\0\2en\0\4", "\1\x0a" .. ("\0"):rep(30),
    "\2\x0a\0\0\x14\0\0\0\0\0\0\0\xff\xffen\0\0", "", false }) do
    fake.servers["udp:427"] = script.server({ { "", answer } })
    check.equal(script.run("slp-services", port), nil)
  end
end)

test("one service is asked for as Nmap's scripts do", function()
  fake.servers["udp:427"] = esxi
  local helper = srvloc.Helper:new({ ip = "192.0.2.1" })
  check.same({ helper:ServiceRequest("service:wbem", "DEFAULT") }, { true, url })
  check.falsy((helper:ServiceRequest("service:none", "DEFAULT")))
  helper:close()
end)
