-- Runs one of our scripts against scripted servers, as the host would: a fresh environment, the
-- rule, the action, and the text that people see.
--
--     local script = require "support.script"
--     fake.servers["tcp:6379"] = fake.replies(nil, { "$..." })      -- what the server says
--     local text, data, rule = script.run("redis-info", { number = 6379, service = "redis" })
--
-- `text` is the result as the host renders it, lines below the script's name as nmap prints them
-- without the leading "| "; `data` the structured output with plain tables; `rule` what the rule
-- said. A rule that is false gives nil, nil, false.
local M = {}

local nmap = require "nmap"

local root = require "support.fake_nmap".root
local loaded = {}

--- The file of a script as a chunk that runs in a fresh environment.
local function chunk_of(name)
  if not loaded[name] then
    local f = assert(io.open(root .. "/scripts/" .. name .. ".nse"))
    loaded[name] = f:read("a")
    f:close()
  end
  return loaded[name]
end

--- The environment of a script after its file has run: description, categories, rules, action.
function M.load(name)
  local env = setmetatable({
    SCRIPT_NAME = name, SCRIPT_PATH = root .. "/scripts/" .. name .. ".nse", SCRIPT_TYPE = "portrule",
  }, { __index = _G })
  assert(load(chunk_of(name), "@" .. name, "t", env))()
  return env
end

-- The members of a result as the host walks them: the list, then string keys in the order of pairs.
local function members(value, each)
  local n = 1
  while value[n] ~= nil do
    each(nil, value[n])
    n = n + 1
  end
  for key, item in pairs(value) do
    if type(key) == "string" then
      each(key, item)
    end
  end
end

local function render(value, depth)
  local meta = type(value) == "table" and getmetatable(value)
  if type(value) ~= "table" or meta and meta.__tostring then
    return tostring(value)
  end
  local out = {}
  members(value, function(key, item)
    out[#out + 1] = "\n" .. string.rep("  ", depth) .. (key and key .. ": " or "")
      .. render(item, depth + 1)
  end)
  return table.concat(out)
end

--- A result without metatables: for check.same.
function M.plain(value)
  if type(value) ~= "table" then
    return value
  end
  local out = {}
  members(value, function(key, item)
    if key then
      out[key] = M.plain(item)
    else
      out[#out + 1] = M.plain(item)
    end
  end)
  return out
end

--- The text of what an action gave: one value, or a value and the text that is shown for it.
function M.text(first, second)
  local value = first
  if second ~= nil then
    value = second
  end
  if value == nil then
    return nil
  end
  return (render(value, 1):gsub("^\n", ""))
end

local function given(value, default)
  local out = {}
  for key, item in pairs(default) do
    out[key] = item
  end
  for key, item in pairs(value or {}) do
    out[key] = item
  end
  return out
end

--- A host as scripts get it; `fields` come on top.
function M.host(fields)
  return given(fields, { ip = "192.0.2.1", bin_ip = "\xc0\0\2\1", name = "", registry = {},
    times = { srtt = 0.001, rttvar = 0.001, timeout = 1 } })
end

--- A port as scripts get it: open, not probed; `fields` come on top.
function M.port(fields)
  return given(fields, { protocol = "tcp", state = "open", reason = "syn-ack",
    version = { name_confidence = 3, service_tunnel = "none", service_dtype = "table" } })
end

-- Volatile keys are left out of structured output; what is text alone must be a mere sentence.
local function check_volatile(name, env, first)
  for _, key in ipairs(env.volatile or {}) do
    if key ~= "*" and type(first) == "string" and first:find("\n") then
      error(name .. " has volatile keys, but gave text alone")
    end
  end
end

--- Runs a script's portrule (hostrule without a port) and its action. `opts`: host (fields), args
-- (script arguments).
function M.run(name, port_fields, opts)
  opts = opts or {}
  for key, value in pairs(opts.args or {}) do
    nmap.registry.args[key] = value
  end
  local env = M.load(name)
  local host, port = M.host(opts.host), port_fields and M.port(port_fields)
  local kind = opts.rule or (port and "portrule" or env.hostrule and "hostrule" or "prerule")
  env.SCRIPT_TYPE = kind
  local rule = env[kind](host, port)
  if not rule then
    return nil, nil, false
  end
  local first, second = env.action(host, port)
  check_volatile(name, env, first)
  return M.text(first, second), type(first) == "table" and M.plain(first) or nil, true
end

--- The same with what may break off on the way, such as garbage: the error of a lost answer is no result.
function M.run_or_lost(...)
  local ok, text, data, rule = pcall(M.run, ...)
  if not ok and not tostring(text):find("^no answer") then
    error(text, 0)
  end
  return ok and text or nil, ok and data or nil, rule
end

-- One conversation: pieces from the client until the recorded number of bytes came, then the
-- answers. What came after the last is not known: silence; without an answer the server had closed.
local function played(turns, change)
  return function(peer)
    for _, turn in ipairs(turns) do
      local asked = ""
      while #asked < turn[1] do
        local piece = peer:recv()
        if not piece then
          return
        end
        asked = asked .. piece
      end
      if #turn == 1 then
        return
      end
      for i = 2, #turn do
        peer:send(change and change(turn[i], asked) or turn[i])
      end
    end
    peer:hang()
  end
end

--- For script.replay: each answer gets the `length` bytes at `at` from its question, as a server
-- repeats the number of a request that was drawn at random.
function M.echo(at, length)
  return function(answer, question)
    return answer:sub(1, at - 1) .. question:sub(at, at + length - 1) .. answer:sub(at + length)
  end
end

--- The conversations of tests/nse/recorded/NAME.lua.
function M.recorded(name)
  return assert(loadfile(root .. "/tests/nse/recorded/" .. name .. ".lua"))()
end

--- Servers from tests/nse/recorded/NAME.lua (made by tests/nse/record.py): each connection gets
-- the next conversation, those after the last are closed at once. change(answer, question) gives
-- what is sent instead of an answer; order: the numbers of the conversations that the connections
-- get, 0 for one that is closed at once.
function M.replay(name, change, order)
  local recorded = M.recorded(name)
  local servers = require("support.fake_nmap").servers
  local function serve(where, talks)
    local n = 0
    servers[where] = function(peer)
      n = n + 1
      local talk = talks[order and order[n] or n]
      if talk then
        played(talk, change)(peer)
      end
    end
  end
  serve(recorded.key, recorded)
  for where, talks in pairs(recorded.also or {}) do
    serve(where, talks)
  end
  return recorded
end

--- The server, with requests lost on the way: the first of each kind, which kind(request) names, or
-- the first `lost`; where that is a table, as many of a kind as it says, and none of others.
function M.lossy(server, kind, lost)
  local seen = {}
  local function arrives(request)
    local name = kind(request)
    seen[name] = (seen[name] or 0) + 1
    return seen[name] > (type(lost) == "table" and (lost[name] or 0) or tonumber(lost) or 1)
  end
  return function(peer)
    local function recv()
      local request
      repeat
        request = peer:recv()
      until not request or arrives(request)
      return request
    end
    server(setmetatable({ recv = recv }, { __index = peer }))
  end
end

--- Of the connections to the server at `where` those from..to get no answer: "hang" (silence) or
-- "end" (ended at once). They count for no conversation of a replay.
function M.losing(where, from, to, how)
  local servers = require("support.fake_nmap").servers
  local n, serve = 0, servers[where]
  servers[where] = function(peer)
    n = n + 1
    if n < from or n > to then
      return serve(peer)
    elseif how == "hang" then
      peer:hang()
    end
  end
end

--- A server from a recorded exchange: { greeting = text or nil, { piece of the request, reply },
-- ... }. Each request gets the reply of the first entry whose piece it contains (plain text; "" is
-- in every request); reply false: the server says nothing more. What no entry knows, such as a TLS
-- hello to a server that speaks plain text, ends the connection.
function M.server(exchange)
  return function(peer)
    if exchange.greeting then
      peer:send(exchange.greeting)
    end
    while true do
      local request, reply = peer:recv(), nil
      for _, entry in ipairs(exchange) do
        if request and request:find(entry[1], 1, true) then
          reply = entry[2]
          break
        end
      end
      if reply == false then
        peer:hang()
      elseif not reply then
        return
      end
      peer:send(reply)
    end
  end
end

return M
