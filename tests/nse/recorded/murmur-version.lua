-- murmurd 1.3.4, asked by murmur-version
return {
  key = "udp:64738",
  {
    { 12,
      "\0\1\3\4-l\230>Nm\11Q\0\0\0\0\0\0\0*\0\1\25@" },
  },
}
