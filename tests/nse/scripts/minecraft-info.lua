-- minecraft-info on answers built as the description of the server list ping has them.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 25565, service = "minecraft" }

local function varint(n)
  return n < 128 and string.char(n) or string.char(n & 127 | 128) .. varint(n >> 7)
end

local function answer(json)
  local text = "\0" .. varint(#json) .. json
  return varint(#text) .. text
end

local function says(text)
  fake.servers["tcp:25565"] = fake.replies(nil, { text })
end

test("version, room and words are shown, without colours and without the players of now", function()
  local asked
  fake.servers["tcp:25565"] = function(peer)
    asked = peer:recv()
    local said = answer('{"version":{"name":"Paper 1.20.4","protocol":765},"players":{"max":20,"online":3,'
      .. '"sample":[{"name":"someone","id":"1"}]},"description":{"text":"A ","extra":[{"text":"Minecraft"},'
      .. '" \194\167aServer\\n"]},"favicon":"' .. ("A"):rep(5000) .. '"}')
    peer:send(said:sub(1, 2))
    peer:send(said:sub(3, 900))
    peer:send(said:sub(901))
  end
  check.equal(script.run("minecraft-info", port), [[
  Version: Paper 1.20.4
  Protocol: 765
  Max players: 20
  Description: A Minecraft Server]])
  check.equal(asked, "\19\0\255\255\255\255\15\009192.0.2.1\99\221\1\1\0")
  check.equal(fake.stored(25565).version.version, "Paper 1.20.4")
end)

test("a description of many levels ends", function()
  says(answer('{"version":{"name":"1.8.9","protocol":47},"description":'
    .. ('{"extra":['):rep(60) .. '"x"' .. ("]}"):rep(60) .. "}"))
  check.equal(script.run("minecraft-info", port), "  Version: 1.8.9\n  Protocol: 47")
end)

test("lengths that lie, answers that are cut and other servers give none", function()
  local whole = answer('{"version":{"name":"1.8.9","protocol":47}}')
  for _, said in ipairs({ whole:sub(1, -2), whole:sub(1, 2), "\255\255\255\255\255\255", "\255\255\255\127\0\1x",
    "\3\0\127x", "\2\1\1", "\3\0\1[", answer("[]"), answer('{"version":{}}'),
    "HTTP/1.1 400 Bad Request\r\n\r\n" }) do
    says(said)
    check.equal(script.run("minecraft-info", port), nil)
  end
end)
