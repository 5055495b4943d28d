-- Exim 4.96 that relays for anyone, asked by smtp-open-relay
return {
  key = "tcp:25",
  {
    { 116,
      "220 mx.test ESMTP Exim 4.96 Sat, 28 Nov 2026 16:23:22 +0000\13\010501 NUL characters are"
      .. " not allowed in SMTP commands\13\010501 NUL characters are not allowed in SMTP commands"
      .. "\13\010501 NUL characters are not allowed in SMTP commands\13\010501 NUL characters are "
      .. "not allowed in SMTP commands\13\10" },
  },
  {
    { 86,
      "220 mx.test ESMTP Exim 4.96 Sat, 28 Nov 2026 16:23:22 +0000\13\010501 NUL characters are"
      .. " not allowed in SMTP commands\13\010501 NUL characters are not allowed in SMTP commands"
      .. "\13\010501 NUL characters are not allowed in SMTP commands\13\010501 NUL characters are "
      .. "not allowed in SMTP commands\13\10" },
  },
  {
    { 0,
      "220 mx.test ESMTP Exim 4.96 Sat, 28 Nov 2026 16:23:22 +0000\13\10" },
    { 28,
      "250-mx.test Hello localhost.localdomain [127.0.0.1]\13\010250-SIZE 52428800\13\010250-8B"
      .. "ITMIME\13\010250-PIPELINING\13\010250-PIPECONNECT\13\010250-CHUNKING\13\010250-SMTPUTF8"
      .. "\13\010250 HELP\13\10" },
    { 6,
      "250 Reset OK\13\10" },
    { 14,
      "250 OK\13\10" },
    { 33,
      "250 Accepted\13\10" },
    { 6,
      "250 Reset OK\13\10" },
    { 34,
      "250 OK\13\10" },
    { 33,
      "250 Accepted\13\10" },
    { 6,
      "250 Reset OK\13\10" },
    { 30,
      "250 OK\13\10" },
    { 33,
      "250 Accepted\13\10" },
    { 6,
      "250 Reset OK\13\10" },
    { 34,
      "501 <antispam@[127.0.0.1]>: domain literals not allowed\13\10" },
    { 6,
      "250 Reset OK\13\10" },
    { 34,
      "501 <antispam@[127.0.0.1]>: domain literals not allowed\13\10" },
    { 6,
      "250 Reset OK\13\10" },
    { 34,
      "501 <antispam@[127.0.0.1]>: domain literals not allowed\13\10" },
    { 6,
      "250 Reset OK\13\10" },
    { 34,
      "501-<antispam@[127.0.0.1]>: domain literals not allowed\13\010501 Too many syntax or pro"
      .. "tocol errors\13\10" },
    { 6 },
  },
  {
    { 0,
      "220 mx.test ESMTP Exim 4.96 Sat, 28 Nov 2026 16:23:23 +0000\13\10" },
    { 28,
      "250-mx.test Hello localhost.localdomain [127.0.0.1]\13\010250-SIZE 52428800\13\010250-8B"
      .. "ITMIME\13\010250-PIPELINING\13\010250-PIPECONNECT\13\010250-CHUNKING\13\010250-SMTPUTF8"
      .. "\13\010250 HELP\13\10" },
    { 6,
      "250 Reset OK\13\10" },
    { 34,
      "501 <antispam@[127.0.0.1]>: domain literals not allowed\13\10" },
    { 6,
      "250 Reset OK\13\10" },
    { 34,
      "501 <antispam@[127.0.0.1]>: domain literals not allowed\13\10" },
    { 6,
      "250 Reset OK\13\10" },
    { 34,
      "501 <antispam@[127.0.0.1]>: domain literals not allowed\13\10" },
    { 6,
      "250 Reset OK\13\10" },
    { 34,
      "501-<antispam@[127.0.0.1]>: domain literals not allowed\13\010501 Too many syntax or pro"
      .. "tocol errors\13\10" },
    { 6 },
  },
  {
    { 0,
      "220 mx.test ESMTP Exim 4.96 Sat, 28 Nov 2026 16:23:23 +0000\13\10" },
    { 28,
      "250-mx.test Hello localhost.localdomain [127.0.0.1]\13\010250-SIZE 52428800\13\010250-8B"
      .. "ITMIME\13\010250-PIPELINING\13\010250-PIPECONNECT\13\010250-CHUNKING\13\010250-SMTPUTF8"
      .. "\13\010250 HELP\13\10" },
    { 6,
      "250 Reset OK\13\10" },
    { 34,
      "501 <antispam@[127.0.0.1]>: domain literals not allowed\13\10" },
    { 6,
      "250 Reset OK\13\10" },
    { 34,
      "501 <antispam@[127.0.0.1]>: domain literals not allowed\13\10" },
    { 6,
      "250 Reset OK\13\10" },
    { 34,
      "501 <antispam@[127.0.0.1]>: domain literals not allowed\13\10" },
    { 6,
      "221 mx.test closing connection\13\10" },
  },
}
