description = [[
Shows the nodes that Erlang's port mapper knows: RabbitMQ, CouchDB, ejabberd and others register
there.
]]
---
-- @output
-- | epmd-info:
-- |   epmd_port: 4369
-- |   nodes:
-- |_    rabbit: 25672

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = {}
-- The ports of nodes are chosen anew at each start unless a range is set; a change of them is shown.
volatile = {}

local asker = require "asker"
local drain = require "drain"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(4369, "epmd")

local nodes_max = 1000

function action(host, port)
  -- NAMES_REQ; the answer is epmd's port, then a line for each node
  local answer, reason = drain.all(host, port, "\0\1n", { bytes_max = 65536 })
  if not answer or #answer < 4 then
    return asker.unanswered(port, { "epmd" }, reason)
  end
  local number = string.unpack(">I4", answer)
  if number == 0 or number > 65535 then
    return nil
  end
  local nodes, n = stdnse.output_table(), 0
  for name, at in answer:sub(5):gmatch("name ([^\n ]+) at port (%d+)\n") do
    n = n + 1
    if n <= nodes_max then
      nodes[name] = tonumber(at)
    end
  end
  if n == 0 and #answer > 4 then
    return nil
  end
  local output = stdnse.output_table()
  output.epmd_port = number
  output.nodes = nodes
  return output
end
