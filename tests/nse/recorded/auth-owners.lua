-- oidentd, asked by auth-owners
return {
  key = "tcp:22",
  {
    { 0,
      "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10\13\10" },
  },
  also = {
    ["tcp:113"] = {
      {
        { 11,
          "22,59868:USERID:UNIX:root\13\10" },
      },
    },
  },
}
