--- Questions to one server, of which the loss of an answer is told from a refusal.
--
--     local asker = asker.new(function(question)
--       return kind, answer, reason     -- kind: asker.ANSWERED, ENDED (the server ended the
--     end)                              -- connection, as some do to refuse) or SILENT
--     local answer, reason = asker:ask(question)
--
-- A question that was not answered is asked again. Silence counts as a refusal only of a server
-- that still answers the question that it answered first; of another it is an error. Before anything
-- was answered that cannot be told: see `each`. Questions are kept: do not change their tables.
--
-- And what the silence of a server means that was asked one thing only, the first:
--
--     local answer, reason = drain.all(host, port, question)
--     if not answer then
--       return asker.unanswered(port, { "epmd" }, reason)
--     end

local error, ipairs, setmetatable, stdnse = error, ipairs, setmetatable, require "stdnse"
local string, tostring = string, tostring

local M = { ANSWERED = "answered", ENDED = "ended", SILENT = "silent" }

local Asker = {}
Asker.__index = Asker

--- An asker around a function that asks once.
function M.new(once)
  return setmetatable({ once = once }, Asker)
end

--- The kind of what came instead of an answer, by the reason: a socket's, or that of a library that
-- did not like the answer.
function M.kind_of(reason)
  if reason == "TIMEOUT" or reason == "CANCELLED" then
    return M.SILENT
  end
  return (reason == "EOF" or reason == "ERROR") and M.ENDED or M.ANSWERED
end

-- What sockets say instead of an answer.
local losses = { TIMEOUT = true, EOF = true, ERROR = true, CANCELLED = true }

--- Was an answer lost? Reasons are those of sockets, or texts that end with one behind a colon; what
-- else a library says, which may be words of the server's ("500 INTERNAL SERVER ERROR"), it did not
-- like in an answer.
function M.is_loss(reason)
  local text = tostring(reason)
  return losses[text] == true or losses[string.match(text, ": (%u+)$") or ""] == true
end

--- Was the port's service recognised as one of `names`, at this visit or an earlier one? What the
-- number of a port suggests does not count; nor, with `names.plain`, of a script that speaks no TLS,
-- what is behind it.
function M.is_recognised(port, names)
  local version = port.version or {}
  if (version.name_confidence or 0) <= 3 or names.plain and version.service_tunnel == "ssl" then
    return false
  end
  for _, name in ipairs(names) do
    if port.service == name then
      return true
    end
  end
  return false
end

--- The end of a script that got no answer to a further question, for `reason`: the service is there,
-- so that a loss says nothing: an error. nil where the library did not like the answer.
function M.broken_off(reason)
  if M.is_loss(reason) then
    error("no answer: " .. tostring(reason), 0)
  end
  stdnse.debug1("%s", tostring(reason))
  return nil
end

--- The end of a script whose first question got no answer, for `reason`: nil, there is no such
-- service. But of one that was recognised as one of `names` silence says nothing: it may be too
-- busy, or lock us out for a while. That is an error.
function M.unanswered(port, names, reason)
  if M.is_recognised(port, names) then
    return M.broken_off(reason)
  end
  stdnse.debug1("%s", tostring(reason))
  return nil
end

--- An error when `text`, an answer, says that the service has no time now: it is there, and says nothing
-- of itself. `patterns`: how its protocol says so.
function M.check_busy(text, ...)
  for _, pattern in ipairs({ ... }) do
    if string.find(tostring(text), pattern) then
      error("no answer, the server is busy: " .. string.match(tostring(text), "^[^\r\n]*"), 0)
    end
  end
end

local function once(self, question)
  local kind, answer, reason = self.once(question)
  if kind == M.ANSWERED and self.known == nil then
    self.known = question
  end
  return kind, answer, reason
end

--- The answer; nil (or a part of it, as the function gave it) and the reason without one. An error
-- when the server no longer answers.
function Asker:ask(question)
  local kind, answer, reason = once(self, question)
  local again = kind == M.SILENT and self.known ~= nil and not self.is_mute
  if kind == M.ENDED or again then
    kind, answer, reason = once(self, question)
  end
  if kind ~= M.SILENT then
    return answer, reason
  elseif self.known == nil then
    self.silent = true
    return answer, reason
  end
  local known_kind, _, why = once(self, self.known)
  if known_kind ~= M.ANSWERED then
    error("the server no longer answers: " .. tostring(why), 0)
  elseif not self.is_mute then
    kind, answer, reason = once(self, question)
    self.is_mute = kind == M.SILENT
  end
  return answer, reason
end

--- An error when nothing was answered by a server that is `expected` to be there, a field that is
-- set by whoever knows. `answers`, where it is set, too, for questions that a server may refuse by
-- silence or by the end of the connection: a function that asks it now for something else.
function Asker:check()
  if self.known == nil and self.expected and not (self.answers and self.answers()) then
    error("the server does not answer", 0)
  end
end

--- Calls f(item), which asks, for each of `items`. Where there was silence before the server had
-- answered anything it is called once more after the others, if the server did answer; see `check`.
function Asker:each(items, f)
  local left = {}
  for _, item in ipairs(items) do
    self.silent = false
    f(item)
    left[#left + 1] = self.silent and item or nil
  end
  self:check()
  for _, item in ipairs(self.known ~= nil and left or {}) do
    f(item)
  end
end

return M
