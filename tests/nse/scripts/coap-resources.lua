-- coap-resources on the exchange with libcoap's coap-server, and block by block.
local test, check, fake = ...
local script, coap = require "support.script", require "coap"
local port = { number = 5683, service = "coap", protocol = "udp" }
local links = '</>;title="General Info";ct=0,</time>;if="clock";rt="ticks";title="Internal Clock"'
  .. ';ct=0;obs,</async>;ct=0,</example_data>;title="Example Data";ct=0;obs'

-- What coap-server answers: type acknowledgement, 2.05, content format 40.
local function acknowledged(request, payload, options)
  return "\x64\x45" .. request:sub(3, 8) .. "\xc1\x28" .. (options or "") .. "\xff" .. payload
end

local function server(answer)
  return function(peer)
    local request = peer:recv()
    while request do
      peer:send(answer(request))
      request = peer:recv()
    end
  end
end

local expected = [[
  /: 
    ct: 0
    title: General Info
  /async: 
    ct: 0
  /example_data: 
    ct: 0
    obs: 
    title: Example Data
  /time: 
    ct: 0
    if: clock
    obs: 
    rt: ticks
    title: Internal Clock]]

test("the resources are shown", function()
  fake.servers["udp:5683"] = server(function(request)
    check.equal(request:sub(9), "\xbb.well-known\4core")
    return acknowledged(request, links)
  end)
  check.equal(script.run("coap-resources", port), expected)
end)

test("a list in blocks of 64 bytes is put together", function()
  fake.servers["udp:5683"] = server(function(request)
    local message = coap.COAP.parse(request)
    local block = coap.COAP.header.find_option(message, "block2") or { number = 0 }
    local from = block.number * 64
    local more = from + 64 < #links
    return acknowledged(request, links:sub(from + 1, from + 64), "\xb1"
      .. string.char(block.number << 4 | (more and 8 or 0) | 2))
  end)
  check.equal(script.run("coap-resources", port), expected)
end)

test("a server without a list says so; silence gives none", function()
  fake.servers["udp:5683"] = server(function(request)
    return "\x64\x84" .. request:sub(3, 8)
  end)
  check.contains(script.run("coap-resources", port), "not_found")
  fake.servers["udp:5683"] = script.server({ { "", false } })
  check.equal(script.run("coap-resources", port), nil)
end)

test("messages are built and read back", function()
  local message = { type = "confirmable", code = "put", id = 7, token = "\1\2", payload = "on",
    options = {
      { name = "uri_path", value = "a" }, { name = "uri_path", value = ("b"):rep(300) },
      { name = "content_format", value = 0 }, { name = "size1", value = 1000 },
      { name = "block1", value = { number = 3, more = true, length = 1024 } },
    } }
  local back = coap.COAP.parse(coap.COAP.build(message))
  check.same({ back.type, back.code, back.id, back.token, back.payload },
    { "confirmable", "put", 7, "\1\2", "on" })
  check.same(coap.COAP.header.find_options(back, "uri_path"), { "a", ("b"):rep(300) })
  check.same(coap.COAP.header.find_option(back, "block1"), { number = 3, more = true,
    length = 1024 })
  check.equal(coap.COAP.header.find_option(back, "size1"), 1000)
end)

test("a link without end is cut off", function()
  local list = coap.COAP.parse_links("</a>" .. (";title=x"):rep(16000) .. (",<b>"):rep(16000))
  check.same({ #list, #list[1].parameters }, { 1024, 64 })
end)
