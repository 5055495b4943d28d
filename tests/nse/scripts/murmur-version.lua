-- murmur-version on what murmurd 1.3.4 answered.
local test, check, fake = ...
local script = require "support.script"

local function run(protocol)
  return script.run("murmur-version", { number = 64738, service = "murmur", protocol = protocol })
end

test("the version is stored for the voice port and for the control port, without the number of users", function()
  for protocol, name in pairs({ udp = "voice", tcp = "control" }) do
    script.replay("murmur-version", script.echo(5, 8))
    check.equal(run(protocol), nil)
    local version = fake.stored(64738).version
    check.same({ version.name, version.product, version.version, version.extrainfo }, { "murmur",
      "Murmur", "1.3.4", name .. " port; max. users: 42; bandwidth: 72000 b/s" })
  end
end)

test("an answer that is lost is asked for again", function()
  script.replay("murmur-version", script.echo(5, 8))
  fake.servers["udp:64738"] = script.lossy(fake.servers["udp:64738"], function()
    return "ping"
  end)
  run("udp")
  check.equal(fake.stored(64738).version.version, "1.3.4")
end)

test("an answer to another's ping, or that is cut, is none", function()
  script.replay("murmur-version")
  run("udp")
  check.equal(fake.stored(64738), nil)
  for _, n in ipairs({ 0, 11, 12, 23 }) do
    script.replay("murmur-version", function(answer, question)
      return script.echo(5, 8)(answer, question):sub(1, n)
    end)
    run("udp")
    check.equal(fake.stored(64738), nil)
  end
end)
