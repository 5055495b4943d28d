-- fcrdns with answers of a name server (RFC 1035).
local test, check, fake = ...
local script = require "support.script"

local function name_bytes(name)
  return (name:gsub("([^.]+)%.?", function(label)
    return string.pack("s1", label)
  end)) .. "\0"
end

-- Answers what `zone` holds: { ["name TYPE"] = data, or a list of them }; other names do not exist.
-- A number instead of data is the response code of an answer without any; 0: silence.
local function resolver(zone)
  return function(peer)
    local request = peer:recv()
    while request do
      local at, labels = 13, {}
      while request:byte(at) > 0 do
        labels[#labels + 1] = request:sub(at + 1, at + request:byte(at))
        at = at + 1 + request:byte(at)
      end
      local kind = string.unpack(">I2", request, at + 1)
      local data = zone[table.concat(labels, ".") .. " " .. kind]
      local code = type(data) == "number" and data or data and 0 or 3
      local list, answer = type(data) == "table" and data or { code == 0 and data or nil }, ""
      for _, item in ipairs(list) do
        answer = answer .. "\xc0\x0c" .. string.pack(">I2I2I4s2", kind, 1, 60, item)
      end
      if data ~= 0 then
        peer:send(request:sub(1, 2) .. string.pack(">I2I2I2I2I2", 0x8180 + code, 1, #list, 0, 0)
          .. request:sub(13, at + 4) .. answer)
      end
      request = peer:recv()
    end
  end
end

local reverse = "1.2.0.192.in-addr.arpa 12"

test("a name that leads back passes", function()
  fake.servers["udp:53"] = resolver({ [reverse] = name_bytes("www.lab.test"),
    ["www.lab.test 1"] = "\xc0\0\2\1" })
  local text, data = script.run("fcrdns")
  check.equal(text, "PASS (www.lab.test)")
  check.same(data["www.lab.test"], { status = "pass", addresses = { "192.0.2.1" } })
end)

test("the order of a name server's answers is no difference", function()
  local names = { name_bytes("b.lab.test"), name_bytes("a.lab.test") }
  local addresses = { "\xc0\0\2\10", "\xc0\0\2\9", "\xc0\0\2\1" }
  for _ = 1, 2 do
    fake.servers["udp:53"] = resolver({ [reverse] = names, ["a.lab.test 1"] = addresses })
    local text, data = script.run("fcrdns")
    check.equal(text, "PASS (a.lab.test)")
    check.same(data["a.lab.test"].addresses, { "192.0.2.1", "192.0.2.9", "192.0.2.10" })
    names = { names[2], names[1] }
    addresses = { addresses[3], addresses[1], addresses[2] }
  end
end)

test("one that leads elsewhere or nowhere fails", function()
  fake.servers["udp:53"] = resolver({ [reverse] = name_bytes("www.lab.test"),
    ["www.lab.test 1"] = "\xc0\0\2\9" })
  check.equal(script.run("fcrdns"), "FAIL (www.lab.test)")
  fake.servers["udp:53"] = resolver({ [reverse] = name_bytes("www.lab.test") })
  local _, data = script.run("fcrdns")
  check.same(data["www.lab.test"], { status = "fail", reason = "No A record" })
end)

test("a host without a name fails", function()
  fake.servers["udp:53"] = resolver({})
  check.equal(script.run("fcrdns"), "FAIL (No PTR record)")
end)

test("trouble of the name server is none of the host's", function()
  -- silence, "server failure", "refused"
  for _, code in ipairs({ 0, 2, 5 }) do
    fake.servers["udp:53"] = resolver({ [reverse] = code })
    check.throws("", script.run, "fcrdns")
    fake.servers["udp:53"] = resolver({ [reverse] = name_bytes("www.lab.test"),
      ["www.lab.test 1"] = code })
    check.throws("www.lab.test", script.run, "fcrdns")
  end
end)

test("of two name servers the one that knows counts", function()
  local dns, codes, servers = require "dns", { 3, 2 }, fake.nmap.get_dns_servers
  fake.nmap.get_dns_servers = function()
    return { "127.0.0.53", "127.0.0.54" }
  end
  fake.servers["udp:53"] = function(peer)
    local request = peer:recv()
    peer:send(request:sub(1, 2) .. string.pack(">I2", 0x8180 + table.remove(codes, 1))
      .. request:sub(5))
  end
  local status, reason = dns.query("www.lab.test", {})
  fake.nmap.get_dns_servers = servers
  check.falsy(status)
  check.equal(reason, "No Such Name")
end)
