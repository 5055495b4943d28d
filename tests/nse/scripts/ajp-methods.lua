-- ajp-methods with packets after the description of AJPv13.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 8009, service = "ajp13" }

local function answer(status, allow)
  local function text(s)
    return string.pack(">s2B", s, 0)
  end
  return "AB" .. string.pack(">s2", "\4" .. string.pack(">I2", status) .. text("OK") .. "\0\1"
    .. text("Allow") .. text(allow)) .. "AB\0\2\5\1"
end

test("methods are shown, and those that change things once more", function()
  fake.servers["tcp:8009"] = fake.replies(nil, { answer(200, "GET, HEAD, POST, PUT, OPTIONS") })
  check.equal(script.run("ajp-methods", port),
    "  Supported methods: GET HEAD POST PUT OPTIONS\n  Potentially risky methods: PUT\n")
  fake.servers["tcp:8009"] = fake.replies(nil, { answer(200, "GET, HEAD") })
  check.equal(script.run("ajp-methods", port), "  Supported methods: GET HEAD\n")
end)

test("a refusal and another server give none", function()
  fake.servers["tcp:8009"] = fake.replies(nil, { answer(403, "GET") })
  check.equal(script.run("ajp-methods", port), nil)
  fake.servers["tcp:8009"] = fake.replies(nil, { "HTTP/1.1 400 Bad Request\r\n\r\n" })
  check.equal(script.run("ajp-methods", port), nil)
end)
