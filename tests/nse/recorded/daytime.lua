-- xinetd, asked by daytime
return {
  key = "tcp:13",
  {
    { 2,
      "28 NOV 2026 15:59:36 UTC\13\10" },
  },
}
