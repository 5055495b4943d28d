-- plex-info with pages as servers give them.
local test, check = ...
local script, web = require "support.script", require "support.web"
local port = { number = 32400, service = "plex" }

local function page(claimed)
  return '<?xml version="1.0" encoding="UTF-8"?>\n<MediaContainer size="0" apiVersion="1.1.1" claimed="'
    .. claimed .. '" machineIdentifier="0123456789abcdef0123456789abcdef01234567" '
    .. 'version="1.32.5.7349-8f4248874">\n</MediaContainer>\n'
end

test("a server tells version and identifier, and whether it is anybody's", function()
  local asked = web.serve(32400, { ["GET /identity"] = page("1") })
  check.equal(script.run("plex-info", port), [[
  Version: 1.32.5.7349-8f4248874
  Machine identifier: 0123456789abcdef0123456789abcdef01234567]])
  check.same(asked, { "GET /identity" })
  web.serve(32400, { ["/identity"] = page("0") })
  local _, data = script.run("plex-info", port)
  check.equal(data["Without an owner"], true)
end)

test("another server, a cut page, a refusal have none", function()
  for _, answer in ipairs({ "<html></html>", page("1"):sub(1, 120), { status = 401, body = page("1") },
    '<MediaContainer size="0" version="1"></MediaContainer>' }) do
    web.serve(32400, { ["/identity"] = answer })
    check.equal(script.run("plex-info", port), nil)
  end
end)
