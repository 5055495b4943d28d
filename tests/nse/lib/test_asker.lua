-- asker: the loss of an answer told from a refusal.
local test, check = ...

local asker = require "asker"

-- An asker whose questions are answered by a script of kinds ("a", "e", "s"), and the questions.
local function scripted(kinds)
  local names = { a = asker.ANSWERED, e = asker.ENDED, s = asker.SILENT }
  local asked = {}
  return asker.new(function(question)
    asked[#asked + 1] = question
    local kind = names[kinds:sub(#asked, #asked)]
    return kind, kind == asker.ANSWERED and "yes" or nil, kind
  end), asked
end

test("an end is asked about once more, and then a refusal", function()
  local server, asked = scripted("ee")
  check.same({ server:ask("x") }, { nil, "ended" })
  check.equal(#asked, 2)
  check.equal(scripted("ea"):ask("x"), "yes")
end)

test("silence is a refusal of a server that still answers what it answered first", function()
  local server, asked = scripted("assas" .. "sa" .. "ss")
  check.equal(server:ask("first"), "yes")
  check.equal(server:ask("x"), nil)
  check.same(asked, { "first", "x", "x", "first", "x" })
  -- known to be silent instead of a refusal it is not asked again
  check.equal(server:ask("y"), nil)
  check.same({ table.unpack(asked, 6) }, { "y", "first" })
  check.throws("no longer answers", server.ask, server, "z")
end)

test("what comes after the second silence is the answer", function()
  local server = scripted("assaa")
  server:ask("first")
  check.equal(server:ask("x"), "yes")
end)

test("what was silent before the first answer is asked again after the others", function()
  local function each(kinds)
    local server, asked = scripted(kinds)
    local got = {}
    server:each({ "x", "y", "z" }, function(item)
      got[item] = server:ask(item)
    end)
    return got, table.concat(asked)
  end
  local got, asked = each("sasaaa")
  check.same(got, { x = "yes", y = "yes", z = "yes" })
  check.equal(asked, "xyzzx")
  got, asked = each("sss")
  check.same(got, {})
  check.equal(asked, "xyz")
end)

test("reasons of sockets are losses, those of libraries answers", function()
  check.equal(asker.kind_of("TIMEOUT"), asker.SILENT)
  check.equal(asker.kind_of("EOF"), asker.ENDED)
  check.equal(asker.kind_of("ERROR"), asker.ENDED)
  check.equal(asker.kind_of("no acceptable method"), asker.ANSWERED)
end)

test("words of a server that look like those of sockets are no losses", function()
  for _, reason in ipairs({ "TIMEOUT", "EOF", "ERROR", "CANCELLED", "no message header came: EOF" }) do
    check.equal(asker.is_loss(reason), true, reason)
  end
  for _, reason in ipairs({ "HTTP/1.1 500 INTERNAL SERVER ERROR", "500 SYNTAX ERROR", "ERRORS", "a: B", "" }) do
    check.equal(asker.is_loss(reason), false, reason)
  end
  check.equal(asker.is_loss(nil), false)
end)
