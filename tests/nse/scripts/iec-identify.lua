-- iec-identify on frames of IEC 60870-5-104, 5.1 and 5.2.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 2404, service = "iec-104" }

local act, con = "\x68\4\x43\0\0\0", "\x68\4\x83\0\0\0"

local function serve(answers, after)
  fake.servers["tcp:2404"] = function(peer)
    check.equal(peer:recv(), act)
    for _, answer in ipairs(answers) do
      peer:send(answer)
    end
    if after then
      peer:hang()
    end
    -- nothing else is asked
    check.equal(peer:recv(), nil)
  end
end

test("a station that confirms the test is one", function()
  serve({ con })
  check.equal(script.run("iec-identify", port), "  Protocol: IEC 60870-5-104")
  check.equal(fake.stored(2404).version.name, "iec-104")
  serve({ con:sub(1, 1), con:sub(2, 3), con:sub(4) })
  check.truthy(script.run("iec-identify", port))
end)

test("so is one that tests us first, or sends data", function()
  serve({ act .. con })
  check.truthy(script.run("iec-identify", port))
  serve({ "\x68\x0e\0\0\0\0\x46\1\4\0\1\0\0\0\0\0", con })
  check.truthy(script.run("iec-identify", port))
end)

test("an echo, another service, cut answers, hostile lengths have none", function()
  for _, reply in ipairs({ act, "HTTP/1.0 400 Bad Request\r\n\r\n", con:sub(1, 5), "\x68\3\x83\0\0",
    "\x68\xff" .. ("\0"):rep(255), "\x68\5\x83\0\0\0\0", "\x68\4\x83\0\0\1", act:rep(50) .. con,
    "\x68\0", "\x68\3\x83\0\0" .. con }) do
    serve({ reply }, true)
    check.equal(script.run("iec-identify", port), nil)
  end
end)
