-- What wsdd answered to a Probe of WS-Discovery.
local M = {}

local match = "<wsd:ProbeMatch><wsa:EndpointReference><wsa:Address>urn:uuid:8a9b1c2d-1111-2222-3333"
  .. "-444455556666</wsa:Address></wsa:EndpointReference><wsd:Types>wsdp:Device pub:Computer"
  .. "</wsd:Types>%s<wsd:MetadataVersion>1</wsd:MetadataVersion></wsd:ProbeMatch>"

--- The answer to a request; `extra` stands beside the types.
function M.answer(request, extra)
  local id = request:match("<a:MessageID>([^<]*)<")
  return '<?xml version="1.0" encoding="utf-8"?><soap:Envelope '
    .. 'xmlns:soap="http://www.w3.org/2003/05/soap-envelope" '
    .. 'xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" '
    .. 'xmlns:wsd="http://schemas.xmlsoap.org/ws/2005/04/discovery" '
    .. 'xmlns:wsdp="http://schemas.xmlsoap.org/ws/2006/02/devprof" '
    .. 'xmlns:pub="http://schemas.microsoft.com/windows/pub/2005/07"><soap:Header>'
    .. "<wsa:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/ProbeMatches</wsa:Action>"
    .. "<wsa:MessageID>urn:uuid:f7f8ad6c-eb43-11f1-99a3-00089b990015</wsa:MessageID>"
    .. "<wsa:RelatesTo>" .. tostring(id) .. '</wsa:RelatesTo><wsd:AppSequence InstanceId="1" '
    .. 'MessageNumber="1" /></soap:Header><soap:Body><wsd:ProbeMatches>'
    .. match:format(extra or "") .. "</wsd:ProbeMatches></soap:Body></soap:Envelope>"
end

--- A host that answers, as wsdd, only when types are named.
function M.server(extra)
  return function(peer)
    local request = peer:recv()
    while request do
      if request:find("<d:Types>", 1, true) then
        peer:send(M.answer(request, extra))
      end
      request = peer:recv()
    end
  end
end

return M
