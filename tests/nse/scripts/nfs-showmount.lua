-- nfs-showmount on what rpcbind 1.2 and NFS-Ganesha 4.3 answered.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 111, service = "rpcbind" }

test("exports are shown with those who may mount them", function()
  script.replay("nfs-showmount", script.echo(5, 4))
  local text = script.run("nfs-showmount", port)
  check.equal(text, "  /tmp/l3smb/share 127.0.0.0/8\n  /srv \n")
end)

test("another server gives none", function()
  fake.servers["tcp:111"] = script.server({ { "", "HTTP/1.1 400 Bad Request\r\n\r\n" } })
  check.equal(script.run("nfs-showmount", port), nil)
end)

test("a list of exports that breaks off is no list, and is read once", function()
  local list = script.replay("nfs-showmount").also["tcp:20048"][1][1]
  script.replay("nfs-showmount", function(answer, question)
    answer = script.echo(5, 4)(answer, question)
    return #answer == #list[2] and answer:sub(1, -21) .. ("\xff"):rep(20) or answer
  end)
  local started = os.clock()
  check.equal(script.run("nfs-showmount", port), nil)
  check.truthy(os.clock() - started < 1)
end)

test("a mount daemon behind a packet filter tells nothing, one that is silent is an error", function()
  local known = { number = 111, service = "rpcbind", version = { name_confidence = 10 } }
  for _, name in ipairs({ "nfs-showmount", "nfs-ls", "nfs-statfs" }) do
    script.replay("nfs-showmount", script.echo(5, 4))
    fake.servers["tcp:20048"] = nil
    check.equal(script.run(name, known), nil)
    script.replay("nfs-showmount", script.echo(5, 4))
    script.losing("tcp:20048", 1, 1, "hang")
    check.throws("no answer: the program: TIMEOUT", script.run, name, known)
  end
end)
