-- Prosody 0.12.3 that does not serve the name, asked by xmpp-info
return {
  key = "tcp:5222",
  {
    { 135,
      "<?xml version='1.0'?><stream:stream id='09831bbc-62cb-4524-98f4-81ee9146dc10' version='1"
      .. ".0' xmlns='jabber:client' from='127.0.0.1' xml:lang='en' xmlns:stream='http://etherx.jab"
      .. "ber.org/streams'><stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'"
      .. "/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>This server does not serve 127.0.0.1"
      .. "</text></stream:error></stream:stream>" },
    { 16 },
  },
}
