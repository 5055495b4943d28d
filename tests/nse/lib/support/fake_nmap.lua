-- A module `nmap` for tests: sockets that talk to Lua functions (support/socket.lua), a clock that
-- stands still, no threads. `fake.reset()` gives every test a fresh one.
local socket = require "support.socket"
local digest = require "support.digest"

local M = { servers = {} }
local nmap = {}
M.nmap = nmap

local port_versions, port_states, logged

local function mutex()
  return function(op)
    return op == "trylock" or nil
  end
end

local function random_bytes(n)
  local out = {}
  for i = 1, n do
    out[i] = string.char(math.random(0, 255))
  end
  return table.concat(out)
end

function M.reset()
  for key in pairs(M.servers) do
    M.servers[key] = nil
  end
  nmap.registry = { args = {} }
  port_versions, port_states, logged = {}, {}, {}
  M.now, M.debug_level, M.verbose_level, M.family = 1700000000, 0, 0, "inet"
  digest.quick = false
  math.randomseed(42)
end

--- For the rest of this test digests are of the right length and nothing else.
function M.quick_digests()
  digest.quick = true
end

function nmap.new_socket(protocol)
  return socket.new(M.servers, protocol)
end

function nmap.new_try(catch)
  return function(status, ...)
    if status then
      return ...
    end
    if catch then
      catch()
    end
    error({ errtype = "nmap.new_try", message = ... }, 0)
  end
end

function nmap.set_port_version(_, port, state)
  port_versions[port.number] = { version = port.version, state = state or "hardmatched" }
end
function nmap.set_port_state(_, port, state)
  port_states[port.number] = state
end
function nmap.get_port_state(_, port)
  return M.ports and M.ports[port.protocol .. ":" .. port.number]
end
function nmap.get_ports()
  return nil
end
function nmap.clock()
  return M.now + 0.0
end
function nmap.clock_ms()
  return M.now * 1000.0
end
function nmap.debugging()
  return M.debug_level
end
function nmap.verbosity()
  return M.verbose_level
end
function nmap.timing_level()
  return 3
end
function nmap.version_intensity()
  return M.intensity or 7
end
function nmap.address_family()
  return M.family
end
function nmap.is_privileged()
  return false
end
function nmap.have_ssl()
  return true
end
function nmap.get_interface()
  return nil
end
function nmap.list_interfaces()
  return {}
end
function nmap.get_interface_info()
  return nil
end
function nmap.port_is_excluded(number, protocol)
  return protocol == "tcp" and number >= 9100 and number <= 9107
end
function nmap.resolve(name)
  if M.names and M.names[name] then
    return true, M.names[name]
  end
  return false, "Failed to resolve"
end
function nmap.log_write(_, text)
  logged[#logged + 1] = text
end
function nmap.add_targets(...)
  return select("#", ...)
end
function nmap.new_targets_num()
  return 0
end
function nmap.get_dns_servers()
  return { "127.0.0.53" }
end
function nmap.get_ttl()
  return 64
end
function nmap.get_payload_length()
  return 0
end
function nmap.fetchfile(name)
  local path = M.root .. "/" .. name
  local f = io.open(path, "r")
  if f then
    f:close()
    return path
  end
end
nmap.get_random_bytes = random_bytes
nmap.mutex = mutex
nmap.condvar = function()
  return function() end
end
nmap.socket = {
  new = nmap.new_socket,
  sleep = function(seconds)
    M.now = M.now + seconds
  end,
  parse_ssl_certificate = function()
    return nil
  end,
  get_stats = function()
    return { connect_waiting = 0 }
  end,
}

--- What a script stored for a port: { version =, state = } and the state it set.
function M.stored(number)
  return port_versions[number], port_states[number]
end

--- The lines logged since the reset.
function M.logged()
  return logged
end

--- A server that says `greeting` (nil: nothing), then one of `replies` for each piece that it gets.
function M.replies(greeting, replies, hang)
  return function(peer)
    if greeting then
      peer:send(greeting)
    end
    for _, reply in ipairs(replies or {}) do
      if not peer:recv() then
        return
      end
      peer:send(reply)
    end
    if hang then
      peer:hang()
    end
  end
end

--- `bytes` with a few random changes: flipped, cut, repeated, blown up. For tests with garbage.
function M.mutated(bytes)
  local kind = math.random(6)
  if #bytes == 0 then
    return random_bytes(math.random(0, 20))
  end
  local at = math.random(#bytes)
  if kind == 1 then
    return bytes:sub(1, at - 1)
  elseif kind == 2 then
    return bytes:sub(1, at - 1) .. random_bytes(1) .. bytes:sub(at + 1)
  elseif kind == 3 then
    return bytes:sub(1, at) .. random_bytes(math.random(1, 8)) .. bytes:sub(at + 1)
  elseif kind == 4 then
    return bytes:sub(1, at - 1) .. bytes:sub(at + math.random(1, 8))
  elseif kind == 5 then
    return bytes:sub(1, at - 1) .. "\xff\xff\xff\xff" .. bytes:sub(at + 4)
  end
  return bytes .. bytes
end

package.loaded.nmap = nmap
package.loaded["nmap.socket"] = nmap.socket
_G.nmap = nmap
package.preload.openssl = function()
  return {
    md4 = function(s)
      return digest.digest("md4", s)
    end,
    md5 = function(s)
      return digest.digest("md5", s)
    end,
    sha1 = function(s)
      return digest.digest("sha1", s)
    end,
    digest = digest.digest, hmac = digest.hmac,
    -- of the right length only: no server of a test looks at what was encrypted
    DES_string_to_key = function(s)
      return (s .. "\0"):sub(1, 8)
    end,
    encrypt = function(_, _, _, s)
      return s
    end,
    rand_bytes = random_bytes, rand_pseudo_bytes = random_bytes,
    -- odd numbers are prime here, those that end in 5 no safe ones
    bignum_bin2bn = function(s)
      return s
    end,
    bignum_is_prime = function(s)
      return s:byte(-1) % 2 == 1
    end,
    bignum_is_safe_prime = function(s)
      return s:byte(-1) % 2 == 1 and s:byte(-1) ~= 5
    end,
  }
end
-- Sessions are the tests' own: they fill this in.
package.preload.libssh2 = function()
  return {}
end
M.reset()

return M
