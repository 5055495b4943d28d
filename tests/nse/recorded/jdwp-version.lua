-- java, asked by jdwp-version
return {
  key = "tcp:8000",
  {
    { 14,
      "JDWP-Handshake\0\0\0\29\0\0\0\0\0@d\2\0\0\0\1Z\0\0\0\0\0\0\0\0\0\0\0\1" },
    { 11,
      "\0\0\0\227\0\0\0\1\128\0\0\0\0\0\165Java Debug Wire Protocol (Reference Implementation) "
      .. "version 17.0\10JVM Debug Interface version 17.0\10JVM version 17.0.15 (OpenJDK 64-Bit Se"
      .. "rver VM, mixed mode, sharing)\0\0\0\17\0\0\0\0\0\0\0\00717.0.15\0\0\0\24OpenJDK 64-Bit S"
      .. "erver VM" },
  },
}
