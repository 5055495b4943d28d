-- distcc-cve2004-2687 on what distccd 3.4 answered.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 3632, service = "distccd" }

-- A daemon that runs what it is told: the word stands in its answer.
local function runs(peer)
  local request = peer:recv()
  check.equal(request:gsub("muster%-%l+", "WORD"), "DIST00000001ARGC00000006ARGV00000004echo"
    .. "ARGV00000017WORDARGV00000002-cARGV00000006main.cARGV00000002-oARGV00000006main.oDOTI00000000")
  peer:send("DONE00000001STAT00000000SERR00000000SOUT0000004e" .. request:match("muster%-%l+")
    .. " -c /tmp/distccd_e4846c1c.i -o /tmp/distccd_e47d6c1c.o\nDOTO00000000")
end

test("a daemon that runs anything for anyone is vulnerable", function()
  fake.servers["tcp:3632"] = runs
  local text, data = script.run("distcc-cve2004-2687", port)
  check.contains(text, "distccd runs commands for anyone")
  check.equal(data["CVE-2004-2687"].state, "VULNERABLE (Exploitable)")
end)

test("one that hangs up, that failed, that speaks otherwise, is not", function()
  for _, answer in ipairs({ "", "DONE00000001STAT0000006eSERR00000000SOUT00000000DOTO00000000",
    "DONE00000001STAT00000000SERRffffffff", "HTTP/1.1 400 Bad Request\r\n\r\n",
    "DONE00000001STAT00000000SERR00000002noSOUT00000006musterDOTO00000000" }) do
    fake.servers["tcp:3632"] = function(peer)
      peer:recv()
      if answer ~= "" then
        peer:send(answer)
      end
    end
    check.equal(script.run("distcc-cve2004-2687", port), nil)
  end
end)
