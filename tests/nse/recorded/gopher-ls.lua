-- xinetd, asked by gopher-ls
return {
  key = "tcp:70",
  {
    { 0,
      "i[/]\9TITLE\9null.host\0091\13\10i\9\9null.host\0091\13\0101docs                        "
      .. "          2026-Nov-28 15:58   --------\9/docs/\9localhost\00970\13\0100readme.txt       "
      .. "                     2026-Nov-28 15:58     0.0 KB\9/readme.txt\9localhost\00970\13\10i__"
      .. "_________________________________________________________________\9\9null.host\0091\13"
      .. "\10i                 Gophered by Gophernicus/3.1.1 on Debian/12 x86_64\9\9null.host\0091"
      .. "\13\10.\13\10" },
  },
  {
    { 2,
      "i[/]\9TITLE\9null.host\0091\13\10i\9\9null.host\0091\13\0101docs                        "
      .. "          2026-Nov-28 15:58   --------\9/docs/\9localhost\00970\13\0100readme.txt       "
      .. "                     2026-Nov-28 15:58     0.0 KB\9/readme.txt\9localhost\00970\13\10i__"
      .. "_________________________________________________________________\9\9null.host\0091\13"
      .. "\10i                 Gophered by Gophernicus/3.1.1 on Debian/12 x86_64\9\9null.host\0091"
      .. "\13\10.\13\10" },
  },
}
