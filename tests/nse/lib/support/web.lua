-- Web servers for tests of scripts: a function from path to answer.
--
--     web.serve(80, { ["/"] = "<html>...", ["GET /x"] = { status = 200, header = {...}, body = "" } })
--
-- Keys are paths, or "METHOD path". A text is a body with status 200 and type text/html. Other paths
-- are answered with 404. Instead of an answer `web.silence` lets the client wait in vain, `web.ended`
-- ends the connection.
local fake = require "support.fake_nmap"

local M = { silence = {}, ended = {} }

local words = { [200] = "OK", [207] = "Multi-Status", [301] = "Moved Permanently", [302] = "Found",
  [401] = "Unauthorized", [403] = "Forbidden", [404] = "Not Found", [405] = "Method Not Allowed" }

--- The bytes of an answer: status, header (a table; its names sorted), body.
function M.response(answer)
  local names, lines = {}, {}
  local body = answer.body or ""
  local header = answer.header or { ["Content-Type"] = "text/html" }
  for name in pairs(header) do
    names[#names + 1] = name
  end
  table.sort(names)
  lines[1] = ("HTTP/1.1 %d %s"):format(answer.status or 200, words[answer.status or 200] or "?")
  for _, name in ipairs(names) do
    lines[#lines + 1] = name .. ": " .. header[name]
  end
  lines[#lines + 1] = "Content-Length: " .. #body
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. body
end

local function answer_to(pages, method, path)
  local answer = pages[method .. " " .. path] or pages[path]
  if type(answer) == "function" then
    answer = answer(method, path)
  end
  answer = answer or pages.default or { status = 404, body = "<h1>Not Found</h1>" }
  return type(answer) == "string" and { body = answer } or answer
end

--- Serves `pages` at tcp:PORT. The requests' first lines come into the table that is given back.
function M.serve(number, pages)
  local seen = {}
  fake.servers["tcp:" .. number] = function(peer)
    local pending = ""
    while true do
      local piece = peer:recv()
      if not piece then
        return
      end
      pending = pending .. piece
      while pending:find("\r\n\r\n", 1, true) do
        local head, rest = pending:match("^(.-\r\n)\r\n(.*)$")
        local length = tonumber(head:lower():match("\r\ncontent%-length:%s*(%d+)")) or 0
        local method, path = head:match("^(%u+) (%S+) HTTP/")
        if not method then
          return
        end
        seen[#seen + 1] = method .. " " .. path
        pending = rest:sub(length + 1)
        local answer = answer_to(pages, method, path)
        if answer == M.silence then
          peer:hang()
        elseif answer == M.ended then
          return
        end
        local text = M.response(answer)
        peer:send(method == "HEAD" and text:match("^.-\r\n\r\n") or text)
        if head:lower():find("connection: close", 1, true) then
          return
        end
      end
      if not pending:find("^%u") then
        return
      end
    end
  end
  return seen
end

--- A JSON answer.
function M.json(body)
  return { header = { ["Content-Type"] = "application/json" }, body = body }
end

return M
