-- cups-queue-info on the exchange with cupsd, and with an empty queue.
local test, check = ...
local script, cups = require "support.script", require "support.cups"
local port = { number = 631, service = "ipp" }

test("the jobs that wait are shown", function()
  cups.serve("/", cups.jobs)
  check.equal(script.run("cups-queue-info", port), [[
  Lab_Laser
    id  time                 state  size (kb)  owner    jobname
    1   2026-11-28T15:30:03  Held   1k         Unknown  Unknown
]])
end)

test("no jobs give none", function()
  cups.serve("/", "\1\1\0\0\0\0\0\1\3")
  check.equal(script.run("cups-queue-info", port), nil)
end)
