-- Dovecot 2.3.19 with Samba's ntlm_auth, asked by pop3-ntlm-info
return {
  key = "tcp:110",
  {
    { 116,
      "+OK Dovecot (Debian) ready.\13\10-ERR Unknown command.\13\10-ERR Unknown command.\13\10-"
      .. "ERR Unknown command.\13\10-ERR Too many invalid bad commands.\13\10" },
  },
  {
    { 0,
      "+OK Dovecot (Debian) ready.\13\10" },
    { 11,
      "+ \13\10" },
    { 58,
      "+ TlRMTVNTUAACAAAABAAEADgAAAAFgoqiAATXq6Aevg4AAAAAAAAAACwALAA8AAAABgEAAAAAAA9WAE0AAgAEAF"
      .. "YATQABAAQAVgBNAAQAAAADAAQAdgBtAAcACABuoNbBVH/dAQAAAAA=\13\10" },
    { 3,
      "-ERR Authentication aborted by client.\13\10" },
  },
}
