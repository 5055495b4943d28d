-- x11-access on recorded exchanges.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 6000, service = "X11" }

test("a server that lets anyone in is told", function()
  fake.servers["tcp:6000"] = fake.replies(nil, { "\1\0\11\0\0\0\x40\0" .. ("\0"):rep(32) })
  check.equal(script.run("x11-access", port), "X server access is granted")
end)

test("one that does not, and another server, are not", function()
  fake.servers["tcp:6000"] = fake.replies(nil, { "\0\22\11\0\0\0\6\0No protocol specified\n" })
  check.equal(script.run("x11-access", port), nil)
  fake.servers["tcp:6000"] = fake.replies(nil, { "HTTP/1.0 400" })
  check.equal(script.run("x11-access", port), nil)
end)

test("another service that was recognised, and cannot be reached, is no error", function()
  for name, is_error in pairs({ http = false, X11 = true, ["X11:1"] = true }) do
    for _, how in ipairs({ "refused", "ended" }) do
      fake.servers["tcp:6001"] = how == "ended" and function() end or nil
      local ok = pcall(script.run, "x11-access", { number = 6001, service = name,
        version = { name_confidence = 10 } })
      check.equal(ok, not is_error, name .. " " .. how)
    end
  end
end)
