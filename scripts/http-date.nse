description = [[
Shows the Date header of a web server and how far its clock is from ours.
]]
---
-- @output
-- |_http-date: Sun, 22 Nov 2026 21:42:34 GMT; -1s from local time.

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = { "date", "delta" }

local datetime = require "datetime"
local http = require "http"
local api = require "http.api"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.http

function action(host, port)
  local response = api.first(port, http.get(host, port, "/", { bypass_cache = true,
    redirect_ok = false }))
  local received = os.time()
  local text = response.status and response.header.date
  local date = text and http.parse_date(text)
  if not date then
    return nil
  end
  local timestamp = datetime.date_to_timestamp(date)
  datetime.record_skew(host, timestamp, received)

  local output = stdnse.output_table()
  output.date = datetime.format_timestamp(timestamp, 0)
  output.delta = timestamp - received + 0.0
  local here = os.date("!*t", received)
  return output, text .. "; " .. datetime.format_difftime(date, here) .. " from local time."
end
