-- Dovecot 2.3.19 with Samba's ntlm_auth, asked by imap-ntlm-info
return {
  key = "tcp:143",
  {
    { 116,
      "* OK [CAPABILITY IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+ AUTH=PLAIN AU"
      .. "TH=NTLM] Dovecot (Debian) ready.\13\10* BAD Error in IMAP command received by server.\13"
      .. "\10* BAD Error in IMAP command received by server.\13\10* BYE Too many invalid IMAP comm"
      .. "ands.\13\10" },
  },
  {
    { 0,
      "* OK [CAPABILITY IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+ AUTH=PLAIN AU"
      .. "TH=NTLM] Dovecot (Debian) ready.\13\10" },
    { 24,
      "+ \13\10" },
    { 58,
      "+ TlRMTVNTUAACAAAABAAEADgAAAAFgoqi1d6Jztlmge0AAAAAAAAAACwALAA8AAAABgEAAAAAAA9WAE0AAgAEAF"
      .. "YATQABAAQAVgBNAAQAAAADAAQAdgBtAAcACAAa94e4VH/dAQAAAAA=\13\10" },
    { 3,
      "a001 BAD Authentication aborted by client.\13\10" },
  },
}
