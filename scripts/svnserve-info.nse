description = [[
Shows whether a Subversion server (svnserve) has a repository at its root that anyone may read, or
which ways to log in it offers there.
]]
---
-- Reads the greeting and asks for the repository at svn://host/ (Subversion's ra_svn protocol, sections
-- 2.1 and 2.2); nothing is sent after the server's list of mechanisms.
--
-- @output
-- | svnserve-info:
-- |   Protocol: 2
-- |   Mechanisms:
-- |     ANONYMOUS
-- |   Realm: 2c6c6ec4-3c1f-4b3e-8a9d-b36b8f0c8d9d
-- |_  Anonymous access: true

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = {}
finding = { ["Anonymous access"] = "low" }

local asker = require "asker"
local comm = require "comm"
local greeting = require "greeting"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(3690, "svn", "tcp")

-- A string as the protocol writes it.
local function text_of(text)
  return ("%d:%s"):format(#text, text)
end

local function request(host, port)
  local name = stdnse.get_hostname(host)
  name = name:find(":", 1, true) and "[" .. name .. "]" or name
  local url = ("svn://%s%s/"):format(name, port.number == 3690 and "" or ":" .. port.number)
  return ("( 2 ( edit-pipeline svndiff1 absent-entries depth ) %s %s ( ) ) "):format(text_of(url),
    text_of("muster"))
end

-- What the server says to the request: output's keys, or the error's words.
local function read(answer, output)
  local mechanisms, rest = answer:match("^%( success %( %( ([%w%s_-]*)%) (.*)$")
  if not mechanisms then
    -- without the address by which we asked
    output.Refusal = (answer:match("^%( failure %( %( %d+ %d+:([^\r\n]-) %d+:") or "?")
      :gsub(" in '[^']*'$", "")
    return
  end
  local list, is_open = {}, nil
  for word in mechanisms:gmatch("[%w_-]+") do
    list[#list + 1], is_open = word, is_open or word == "ANONYMOUS" or nil
  end
  table.sort(list)
  output.Mechanisms = #list > 0 and list or nil
  local length, realm = rest:match("^(%d+):(.*)$")
  output.Realm = length and #length < 6 and realm:sub(1, tonumber(length)) or nil
  output["Anonymous access"] = is_open
end

function action(host, port)
  local socket, hello = comm.opencon(host, port, nil, { recv_before = true, timeout = 5000 })
  local low, high = (hello or ""):match("^%( success %( (%d+) (%d+) ")
  if socket and not low then
    socket:close()
    return nil
  elseif not socket then
    return asker.unanswered(port, { "svn" }, hello)
  end
  local output = stdnse.output_table()
  output.Protocol = low == high and low or low .. "-" .. high
  local status, answer = socket:send(request(host, port))
  if status then
    status, answer = socket:receive()
  end
  socket:close()
  if not status then
    asker.broken_off(answer)
  end
  read(answer or "", output)
  greeting.store(host, port, greeting.recognise(hello, "svn"))
  return output
end
