-- clamd, asked by clamd-info
return {
  key = "tcp:3310",
  {
    { 9,
      "ClamAV 1.4.6\0" },
  },
}
