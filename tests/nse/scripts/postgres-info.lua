-- postgres-info on exchanges recorded from PostgreSQL 15.20.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 5432, service = "postgresql" }

local function message(kind, content)
  return string.pack(">c1I4", kind, #content + 4) .. content
end
local function error_of(code, text, file, line, routine)
  return message("E", ("SFATAL\0VFATAL\0C%s\0M%s\0F%s\0L%d\0R%s\0\0"):format(code, text, file, line,
    routine))
end

local ssl_request, start, unknown = "\4\xd2\x16\x2f", "\0\3\0\0user", "\xff\xff\xff\xffuser"
local versions = error_of("0A000",
  "unsupported frontend protocol 65535.65535: server supports 3.0 to 3.0", "postmaster.c", 2220,
  "ProcessStartupPacket")
local no_entry = error_of("28000", 'no pg_hba.conf entry for host "127.0.0.1", user "postgres",'
  .. ' database "postgres", no encryption', "auth.c", 545, "ClientAuthentication")
local sasl_plus = message("R", "\0\0\0\10SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0")
local sasl = message("R", "\0\0\0\10SCRAM-SHA-256\0\0")
local anyone = message("R", "\0\0\0\0") .. message("S", "application_name\0\0")
  .. message("S", "server_encoding\0UTF8\0") .. message("S",
    "server_version\00015.20 (Debian 15.20-0+deb12u1)\0")
  .. message("S", "TimeZone\0Etc/UTC\0") .. "K\0\0\0\12\0\0\x2f\x53\xd0\x27\x29\xdb"
  .. "Z\0\0\0\5I"

local function serve(tls, answer, after_tls)
  fake.servers["tcp:5432"] = script.server({ { ssl_request, tls }, { start, answer },
    { unknown, versions } })
  fake.servers["starttls:5432"] = after_tls and script.server({ { start, after_tls } })
end

test("TLS, versions of the protocol and the way to log in are shown", function()
  serve("S", sasl, sasl_plus)
  check.equal(script.run("postgres-info", port), [[
  TLS: supported
  Protocol versions: 3.0 to 3.0
  Authentication: SASL
  SASL mechanisms: 
    SCRAM-SHA-256]])
end)

test("a server that wants TLS is asked over TLS", function()
  serve("S", no_entry, sasl_plus)
  local _, data = script.run("postgres-info", port)
  check.same(data, { TLS = "required", ["Protocol versions"] = "3.0 to 3.0",
    Authentication = "SASL", ["SASL mechanisms"] = { "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256" } })
end)

test("a server that lets anyone in tells its version", function()
  script.replay("postgres-info")
  check.equal(script.run("postgres-info", port), [[
  TLS: not supported
  Protocol versions: 3.0 to 3.0
  Authentication: none
  Login without password: as postgres
  Version: 15.20 (Debian 15.20-0+deb12u1)
  Encoding: UTF8
  Time zone: Etc/UTC]])
  check.equal(fake.stored(5432).version.version, "15.20")
end)

test("a password that would cross the network in the clear is told", function()
  serve("N", message("R", "\0\0\0\3"))
  check.contains(script.run("postgres-info", port), "Password in clear text: also without TLS")
end)

test("a refusal is told", function()
  serve("N", no_entry)
  check.contains(script.run("postgres-info", port), "Refusal: no pg_hba.conf entry for host")
end)

local many = error_of("53300", "sorry, too many clients already", "proc.c", 359, "InitProcess")
local starting = error_of("57P03", "the database system is starting up", "postmaster.c", 2370,
  "ProcessStartupPacket")
local pooled = error_of("08P01", "no more connections allowed (max_client_conn)", "", 0, "")
local slots = error_of("53300", "remaining connection slots are reserved", "postinit.c", 846,
  "InitPostgres")

test("what passes is no result: too many clients, a server that starts", function()
  for _, passing in ipairs({ many, starting, pooled, message("R", "\0\0\0\0") .. slots }) do
    serve("N", passing)
    check.throws("", script.run, "postgres-info", port)
    serve("S", no_entry, passing)
    check.throws("", script.run, "postgres-info", port)
  end
  fake.servers["tcp:5432"] = script.server({ { ssl_request, "N" }, { start, sasl },
    { unknown, many } })
  check.throws("too many clients", script.run, "postgres-info", port)
end)

test("a connection that fails after others did not is no result", function()
  fake.servers["tcp:5432"] = script.server({ { ssl_request, "N" }, { unknown, versions } })
  check.throws("EOF", script.run, "postgres-info", port)
  fake.servers["tcp:5432"] = script.server({ { ssl_request, "N" }, { start, sasl } })
  check.throws("EOF", script.run, "postgres-info", port)
  fake.servers["tcp:5432"] = script.server({ { ssl_request, false }, { start, sasl },
    { unknown, versions } })
  check.throws("TIMEOUT", script.run, "postgres-info", port)
  serve("S", no_entry, "")
  check.throws("", script.run, "postgres-info", port)
  serve("N", anyone:sub(1, 60))
  check.throws("TIMEOUT", script.run, "postgres-info", port)
end)

test("TLS is asked for again", function()
  local asked = 0
  fake.servers["tcp:5432"] = function(peer)
    local request = peer:recv()
    asked = asked + (request:find(ssl_request, 1, true) and 1 or 0)
    if asked ~= 1 then
      script.server({ { ssl_request, "N" }, { start, sasl }, { unknown, versions } })({
        recv = function()
          local first = request or peer:recv()
          request = nil
          return first
        end,
        send = function(_, data)
          peer:send(data)
        end,
      })
    end
  end
  check.contains(script.run("postgres-info", port), "TLS: not supported")
end)

test("a server that ends the connection when asked for TLS may have none", function()
  fake.servers["tcp:5432"] = script.server({ { start, sasl }, { unknown, versions } })
  local _, data = script.run("postgres-info", port)
  check.equal(data.TLS, nil)
  check.equal(data.Authentication, "SASL")
end)

test("another server, and garbage, have none", function()
  fake.servers["tcp:5432"] = fake.replies("220 ftp\r\n")
  check.equal(script.run("postgres-info", port), nil)
  for _ = 1, 300 do
    serve("N", fake.mutated(anyone))
    -- some of it looks like a connection that broke
    pcall(script.run, "postgres-info", port)
  end
end)

test("the library logs in with MD5 and tells which protocol a server speaks", function()
  local pgsql = require "pgsql"
  local asked
  fake.servers["tcp:5432"] = function(peer)
    peer:recv()
    peer:send(message("R", "\0\0\0\5salt"))
    asked = peer:recv()
    peer:send(message("R", "\0\0\0\0"))
  end
  local socket = fake.nmap.new_socket()
  socket:connect("192.0.2.1", 5432)
  local status, params = pgsql.v3.sendStartup(socket, "eve", "db")
  check.truthy(status)
  check.equal(params.authtype, pgsql.AuthenticationType.MD5)
  check.truthy(pgsql.v3.loginRequest(socket, params, "eve", "secret", params.salt))
  -- md5(md5("secreteve") "salt"), by coreutils
  check.equal(asked, "p\0\0\0\x28md5b84dd7a9e147110db5fa24b0f1614c49\0")
  serve("N", sasl)
  check.equal(pgsql.detectVersion("192.0.2.1", 5432), pgsql.v3)
  fake.servers["tcp:5432"] = fake.replies(nil, { "EFATAL:  unsupported frontend protocol\n\0" })
  check.equal(pgsql.detectVersion("192.0.2.1", 5432), pgsql.v2)
end)

test("protocol 2.0 has an older login", function()
  local pgsql = require "pgsql"
  fake.servers["tcp:5432"] = fake.replies(nil, { "R\0\0\0\5salt", "R\0\0\0\0" })
  local socket = fake.nmap.new_socket()
  socket:connect("192.0.2.1", 5432)
  local status, params = pgsql.v2.sendStartup(socket, "eve", "db")
  check.truthy(status and params.salt == "salt")
  check.truthy(pgsql.v2.loginRequest(socket, params, "eve", "secret"))
  fake.servers["tcp:5432"] = fake.replies(nil, { "EFATAL: no\n\0" })
  socket:connect("192.0.2.1", 5432)
  check.fails(pgsql.v2.sendStartup(socket, "eve"))
end)
