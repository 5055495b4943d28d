-- Exim 4.96 with its authenticator spa, asked by smtp-ntlm-info
return {
  key = "tcp:25",
  {
    { 116,
      "220 mx.test ESMTP Exim 4.96 Sat, 28 Nov 2026 16:34:00 +0000\13\010501 NUL characters are"
      .. " not allowed in SMTP commands\13\010501 NUL characters are not allowed in SMTP commands"
      .. "\13\010501 NUL characters are not allowed in SMTP commands\13\010421 mx.test lost input "
      .. "connection\13\10" },
  },
  {
    { 0,
      "220 mx.test ESMTP Exim 4.96 Sat, 28 Nov 2026 16:34:00 +0000\13\10" },
    { 28,
      "250-mx.test Hello localhost.localdomain [127.0.0.1]\13\010250-SIZE 52428800\13\010250-8B"
      .. "ITMIME\13\010250-PIPELINING\13\010250-PIPECONNECT\13\010250-AUTH NTLM\13\010250-CHUNKING"
      .. "\13\010250-SMTPUTF8\13\010250 HELP\13\10" },
    { 11,
      "334 NTLM supported\13\10" },
    { 58,
      "334 TlRMTVNTUAACAAAAAAAAAAAoAAABggAAm2eewFOjhLMAAAAAAAAAAAAAAAAAAAAA\13\10" },
    { 3,
      "535 Incorrect authentication data\13\10" },
  },
}
