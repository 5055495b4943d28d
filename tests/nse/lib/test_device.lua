-- The library device: elements of XML, hardware addresses, picked fields.
local test, check = ...
local device = require "device"

test("elements that hold nothing but text are read, of several the first", function()
  check.same(device.elements("<r><a>1</a><b/><c><a>2</a><n:d>x</n:d></c><e>  </e><f a='1'>y</f></r>"),
    { a = "1", d = "x", e = "  " })
  check.same(device.elements("<a>Tom &amp; &#74;&#x65;rry &lt;3 &unknown; &#0; &#xd800; &#x; &#99999999999;</a>"),
    { a = "Tom & Jerry <3 &unknown; &#0; &#xd800; &#x; &#99999999999;" })
  check.same(device.elements("<a>" .. ("x"):rep(300) .. "</a>"), { a = ("x"):rep(200) })
  check.same(device.elements(""), {})
end)

test("a long document is read at once", function()
  check.quick(device.elements, ("<a>"):rep(100000))
  check.quick(device.elements, ("<a>x"):rep(100000))
  check.quick(device.elements, "<" .. ("a"):rep(200000))
end)

test("hardware addresses have one spelling", function()
  for _, text in ipairs({ "88:DE:A9:01:02:03", "88-de-a9-01-02-03", "88DEA9010203", " 88dea9 010203" }) do
    check.equal(device.mac(text), "88:de:a9:01:02:03")
  end
  for _, text in ipairs({ "", "00:00:00:00:00:00", "88:de:a9:01:02", "88:de:a9:01:02:03:04", "zz:de:a9:01:02:03" }) do
    check.equal(device.mac(text), nil)
  end
end)

test("fields are picked in order, empty ones and tables are none", function()
  local output = device.pick({ a = " x\ny ", b = "", c = {}, d = 7, e = false, f = "Z", g = ("é"):rep(3) }, {
    { "One", "b" }, { "One", "a" }, { "One", "d" }, { "Two", "c" }, { "Three", "d" }, { "Four", "e" },
    { "Five", "f", string.lower }, { "Six", "g" },
  })
  local names = {}
  for name, value in pairs(output) do
    names[#names + 1] = name .. "=" .. tostring(value)
  end
  check.same(names, { "One=x y", "Three=7", "Four=false", "Five=z", "Six=ééé" })
  check.equal(device.pick({ b = "" }, { { "One", "b" } }), nil)
end)
