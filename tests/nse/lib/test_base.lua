-- The small helpers: strict, tableaux, stringaux, strbuf, tab, outlib, listop, match, oops, bits,
-- rand.
local test, check, fake = ...

local strict = require "strict"
local tableaux, stringaux, strbuf = require "tableaux", require "stringaux", require "strbuf"
local tab, outlib, listop = require "tab", require "outlib", require "listop"
local match, oops, bits, rand = require "match", require "oops", require "bits", require "rand"

test("strict catches the reading of an undeclared name", function()
  local env = strict({})
  check.throws("variable 'typo' is not declared", function()
    return env.typo
  end)
end)

test("strict catches assignments from functions and allows those of a main chunk", function()
  local env = strict({})
  check.throws("assign to undeclared variable 'x'", function()
    env.x = 1
  end)
  load("x = 5", "main", "t", env)()
  env.x = 6
  check.equal(env.x, 6)
  env.x = nil
  check.equal(env.x, nil, "a declared name may be nil")
end)

test("strict asks the inherited table first", function()
  local env = strict(setmetatable({}, { __index = { inherited = 7 } }))
  check.equal(env.inherited, 7)
end)

test("a deep copy shares no table, also when the table holds itself", function()
  local t = { 1, { 2 } }
  t.self = t
  local copy = tableaux.tcopy(t)
  check.equal(copy[2][1], 2)
  check.equal(copy.self, copy)
  check.truthy(copy[2] ~= t[2])
end)

test("tableaux finds, inverts and lists", function()
  check.same({ tableaux.contains({ "a", k = "b" }, "b") }, { true, "k" })
  check.same({ tableaux.contains({ "a", k = "b" }, "b", true) }, { false })
  check.same(tableaux.invert({ a = 1 }), { "a" })
  check.same(tableaux.keys({ x = 1 }), { "x" })
end)

test("strsplit keeps empty pieces and refuses a pattern that matches nothing", function()
  check.same(stringaux.strsplit(",", "a,,b,"), { "a", "", "b", "" })
  check.same(stringaux.strsplit(",", ""), { "" })
  check.throws("empty string", stringaux.strsplit, ",*", "a,b")
end)

test("ipattern folds letters but not escapes and sets", function()
  check.equal(stringaux.ipattern("ab%d[xy]"), "[aA][bB]%d[xy]")
  check.truthy(("CONTENT-length: 5"):find(stringaux.ipattern("content%-Length")))
  check.throws("missing ']'", stringaux.ipattern, "[abc")
end)

test("filename_escape leaves nothing that leads out of a directory", function()
  check.equal(stringaux.filename_escape("../a b"), "..%2fa%20b")
  check.equal(stringaux.filename_escape(".."), "%2e%2e")
end)

test("a string buffer appends, dumps and compares", function()
  local b = (strbuf.new("a") .. "b") .. 5
  check.equal(strbuf.dump(b, "-"), "a-b-5")
  check.equal(tostring(b), "a\nb\n5")
  check.truthy(b == strbuf.new("a", "b", "5"))
  check.falsy(strbuf.new("ab") == strbuf.new("a", "b"))
  check.throws("strbuf concat", function()
    return b .. true
  end)
  b:clear()
  check.equal(b:dump(), "")
end)

test("a text table pads every cell but the last of a row", function()
  local t = tab.new()
  tab.addrow(t, "name", "size")
  tab.add(t, 1, "index.html")
  tab.add(t, 2, 12)
  tab.nextrow(t)
  tab.addrow(t, "x")
  check.equal(tab.dump(t), "name        size\nindex.html  12\nx\n")
  check.same(t[1][1], "name")
  check.equal(t[1].n, nil)
end)

test("list_sep changes the text and not the data", function()
  local t = { "a", "b" }
  outlib.list_sep(t)
  check.equal(tostring(t), "a, b")
  check.equal(#t, 2)
end)

test("sorted_by_key goes through the keys in order", function()
  local keys = {}
  for k in pairs(outlib.sorted_by_key({ b = 1, a = 2, [10] = 3, [9] = 4 })) do
    keys[#keys + 1] = k
  end
  check.same(keys, { 9, 10, "a", "b" })
end)

test("lists are mapped, filtered, flattened and reversed", function()
  check.same(listop.map(function(x) return x * 2 end, { 1, 2 }), { 2, 4 })
  check.same(listop.filter(function(x) return x > 1 end, { 1, 2 }), { 2 })
  check.same(listop.flatten({ 1, { 2, { 3 } } }), { 1, 2, 3 })
  check.same(listop.reverse({ 1, 2 }), { 2, 1 })
  check.same(listop.ncdr({ 1, 2, 3 }, 2), { 2, 3 })
end)

test("sequences and identifiers of ASN.1 are read in time that grows with the text only", function()
  local decoder = require("asn1").ASN1Decoder:new()
  for _, item in ipairs({ "\x30\3\4\1x", "\6\1\x2b" }) do
    local inner = item:rep(200000)
    check.quick(function()
      local list, after = decoder:decode("\x30\x84" .. string.pack(">s4", inner))
      check.same({ #list, after }, { 200000, #inner + 7 })
    end)
  end
end)

test("an item of ASN.1 does not reach beyond the sequence that it stands in", function()
  local decoder = require("asn1").ASN1Decoder:new()
  check.same(decoder:decode("\x30\x08\x30\2\4\3\2\1\7x\4\1y"), { {}, 7 })
  check.same({ decoder:decode("\x30\4\6\2\x2b\x81\1\1") }, { {}, 7 })
end)

test("match.numbytes waits for its bytes, pattern_limit for no more than its limit", function()
  check.same({ match.numbytes(3)("ab") }, {})
  check.same({ match.numbytes(3)("abcd") }, { 3, 3 })
  check.same({ match.pattern_limit("\n", 5)("ab\n") }, { 3, 3 })
  check.same({ match.pattern_limit("\n", 5)("abcdefgh") }, { 5, 5 })
  check.same({ match.read(nil, 0) }, { true, "" })
end)

test("an error names its causes only when debugging", function()
  local _, e = oops.raise("outer", oops.raise("inner", false, "cause"))
  check.equal(tostring(e), "The script encountered an error: outer")
  fake.debug_level = 1
  check.equal(tostring(e), "The script encountered an error:\n- outer:\n- inner:\n- cause")
  check.equal(oops.output(true, "fine"), "fine")
end)

test("bits are shifted with their sign and reversed", function()
  check.equal(bits.arshift(-8, 1), -4)
  check.equal(bits.reverse(0x01), 0x80)
  check.equal(bits.reverse(0x3, 4), 0xc)
end)

test("random strings keep to their character set", function()
  check.equal(#rand.random_string(100), 100)
  check.truthy(rand.random_alpha(50):find("^%l+$"))
  check.equal(rand.random_string(3, "x"), "xxx")
  check.same(rand.charset("a", "c"), { "a", "b", "c" })
end)
