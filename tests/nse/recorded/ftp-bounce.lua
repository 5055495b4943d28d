-- vsftpd, asked by ftp-bounce
return {
  key = "tcp:21",
  {
    { 116,
      "220 (vsFTPd 3.0.3)\13\010530 Please login with USER and PASS.\13\10" },
  },
  {
    { 0,
      "220 (vsFTPd 3.0.3)\13\10" },
    { 16,
      "331 Please specify the password.\13\10" },
    { 14,
      "230 Login successful.\13\10" },
    { 23,
      "200 PORT command successful. Consider using PASV.\13\10" },
    { 21,
      "200 PORT command successful. Consider using PASV.\13\10" },
    { 6,
      "221 Goodbye.\13\10" },
  },
}
