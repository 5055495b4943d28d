-- dictd, asked by dict-info
return {
  key = "tcp:2628",
  {
    { 0,
      "220 vm dictd 1.13.0/rf on Linux 6.18.44-fc-v782 <auth.mime> <3.22639.1795881634@vm>\13"
      .. "\10" },
    { 13,
      "114 server information\13\10dictd 1.13.0/rf on Linux 6.18.44-fc-v782\13\10On vm: up 5.00"
      .. "0, 3 forks (2160.0/hour)\13\10\13\10Database      Headwords         Index          Data "
      .. " Uncompressed\13\10dummy          0          0 kB          0 kB          0 kB\13\10\13"
      .. "\10.\13\010250 ok\13\10" },
    { 6,
      "221 bye [d/m/c = 0/0/0; 0.000r 0.000u 0.000s]\13\10" },
  },
}
