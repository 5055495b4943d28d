-- sshd, asked by ssh-hostkey
return {
  key = "tcp:22",
  {
    { 0,
      "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10\13\10" },
  },
  {
    { 16,
      "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10\13\10" },
    { 848,
      "\0\0\4l\11\20\173\155\214\252\227/7k}\187\26\201\238\237\4\165\0\0\1=sntrup761x25519-sha"
      .. "512,sntrup761x25519-sha512@openssh.com,curve25519-sha256,curve25519-sha256@libssh.org,ec"
      .. "dh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha"
      .. "256,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,diffie-hellman-group14-s"
      .. "ha256,kex-strict-s-v00@openssh.com\0\0\0009rsa-sha2-512,rsa-sha2-256,ecdsa-sha2-nistp256"
      .. ",ssh-ed25519\0\0\0lchacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128"
      .. "-gcm@openssh.com,aes256-gcm@openssh.com\0\0\0lchacha20-poly1305@openssh.com,aes128-ctr,a"
      .. "es192-ctr,aes256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com\0\0\0\213umac-64-etm@"
      .. "openssh.com,umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@ope"
      .. "nssh.com,hmac-sha1-etm@openssh.com,umac-64@openssh.com,umac-128@openssh.com,hmac-sha2-25"
      .. "6,hmac-sha2-512,hmac-sha1\0\0\0\213umac-64-etm@openssh.com,umac-128-etm@openssh.com,hmac"
      .. "-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha1-etm@openssh.com,umac-6"
      .. "4@openssh.com,umac-128@openssh.com,hmac-sha2-256,hmac-sha2-512,hmac-sha1\0\0\0\21none,zl"
      .. "ib@openssh.com\0\0\0\21none,zlib@openssh.com\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
      .. "\0\0" },
  },
  {
    { 16,
      "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10\13\10" },
    { 880,
      "\0\0\4l\11\20}\170\133\254!J\182\219\156'\132\174]\248\229\10\0\0\1=sntrup761x25519-sha5"
      .. "12,sntrup761x25519-sha512@openssh.com,curve25519-sha256,curve25519-sha256@libssh.org,ecd"
      .. "h-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha2"
      .. "56,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,diffie-hellman-group14-sh"
      .. "a256,kex-strict-s-v00@openssh.com\0\0\0009rsa-sha2-512,rsa-sha2-256,ecdsa-sha2-nistp256,"
      .. "ssh-ed25519\0\0\0lchacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-"
      .. "gcm@openssh.com,aes256-gcm@openssh.com\0\0\0lchacha20-poly1305@openssh.com,aes128-ctr,ae"
      .. "s192-ctr,aes256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com\0\0\0\213umac-64-etm@o"
      .. "penssh.com,umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@open"
      .. "ssh.com,hmac-sha1-etm@openssh.com,umac-64@openssh.com,umac-128@openssh.com,hmac-sha2-256"
      .. ",hmac-sha2-512,hmac-sha1\0\0\0\213umac-64-etm@openssh.com,umac-128-etm@openssh.com,hmac-"
      .. "sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha1-etm@openssh.com,umac-64"
      .. "@openssh.com,umac-128@openssh.com,hmac-sha2-256,hmac-sha2-512,hmac-sha1\0\0\0\21none,zli"
      .. "b@openssh.com\0\0\0\21none,zlib@openssh.com\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
      .. "\0\0" },
    { 48,
      "\0\0\2d\11\31\0\0\1\23\0\0\0\7ssh-rsa\0\0\0\3\1\0\1\0\0\1\1\0\196+\174\235\2-\\\128\3"
      .. "\232\214X\253Sj\2508\1C\145\157\235[\1869\211\174\220n\213\161\6o\168\136\210\131\13R\16"
      .. "\132\141[>\31j\210\132\154\228\234\240\162|\245\24\231\6\25\6\170\142\161\139IZ\228A\220"
      .. "J\187\20387\146\2\201\1602XZ\28f\15Z\158\175\190\225\198\225\171\137<\223\187\136\6\127<"
      .. "\247Mi\220<\2110o9\16\143-/\228\2+/N9H\154\9\9y\1\1970\249\251H\231\21v\9h.L\\\243(\"g"
      .. "\254\1767\1792R\173\150\128\9|\229y\224v`j\244\0155\219#\237\212>\235`O\1801\8\227\12"
      .. "\184%\236\239fN\148t\200\8\170\\\167{\252\215\140(\253g\199\218\176\\!Q\233\232\21\11"
      .. "\211\136d\153\167t\249\242d?\129\149\151\249R\135\242D\197\156unj\156\209\242\10\1\236"
      .. "\232\240\193GK\25gIcJ\195\\\181\168\229p\139\154\191\204M\3\0\0\0 \169\142\175&\139\150"
      .. "\6\1768\255\24E\176s\16dr/&B4N\150\142k]\21\143\255\177L\18\0\0\1\20\0\0\0\12rsa-sha2-51"
      .. "2\0\0\1\0008\202\242\151SYpEu\16\129\0251\235\144o\131\136\188\17\146\246\1296\231|D\159"
      .. "\20\227\242*(\216Pbeb\174\248\180\252)\"\193\251f\148\7\158w\139\31\212Y\165\136\238\179"
      .. "=\197T_\178{\31\19_viD\201O6\27s\138\214\23v\138\229\165c\211'\19\11x\136PW\2073!\1966bc"
      .. "hd2\241\165?\208\202\1438SN\195\237\191\12\187G\25\175\165\183\141<\179\148x \155\181"
      .. "\199\165P\174^\227\210\203\158\201\25\22\238\143\157\20{s\127\243\30\24TPV\219\213Q'K"
      .. "\249\162\2\160\129$\165\243\192&F\248k\216\0164\214\10\207\14\134/\139\238S9\175a\172Iq"
      .. "\160;4\176\230I\145CM\201\182m\176Y\165\157\151\2\214[\242\184\2036-\155\165\211_\173H"
      .. "\168-\152F\143\186\168M\130\220\24|L\209dR\174XM\159T\128I\252~Y\28n\6\22\242\\\13\169"
      .. "\174\0\0\0\0\0\0\0\0\0\0\0\0\0\0\12\10\21\0\0\0\0\0\0\0\0\0\0" },
  },
  {
    { 16,
      "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10\13\10" },
    { 864,
      "\0\0\4l\11\0204\128}h{\149\243\131\207c\249\15\225\198\28+\0\0\1=sntrup761x25519-sha512,"
      .. "sntrup761x25519-sha512@openssh.com,curve25519-sha256,curve25519-sha256@libssh.org,ecdh-s"
      .. "ha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha256,"
      .. "diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,diffie-hellman-group14-sha25"
      .. "6,kex-strict-s-v00@openssh.com\0\0\0009rsa-sha2-512,rsa-sha2-256,ecdsa-sha2-nistp256,ssh"
      .. "-ed25519\0\0\0lchacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm"
      .. "@openssh.com,aes256-gcm@openssh.com\0\0\0lchacha20-poly1305@openssh.com,aes128-ctr,aes19"
      .. "2-ctr,aes256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com\0\0\0\213umac-64-etm@open"
      .. "ssh.com,umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh"
      .. ".com,hmac-sha1-etm@openssh.com,umac-64@openssh.com,umac-128@openssh.com,hmac-sha2-256,hm"
      .. "ac-sha2-512,hmac-sha1\0\0\0\213umac-64-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha"
      .. "2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha1-etm@openssh.com,umac-64@op"
      .. "enssh.com,umac-128@openssh.com,hmac-sha2-256,hmac-sha2-512,hmac-sha1\0\0\0\21none,zlib@o"
      .. "penssh.com\0\0\0\21none,zlib@openssh.com\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" },
    { 48,
      "\0\0\1\4\10\31\0\0\0h\0\0\0\19ecdsa-sha2-nistp256\0\0\0\8nistp256\0\0\0A\4hK4r\134Gy\132"
      .. "\192\0086\173\15\25\239\166\237\196\142x,\24\30\5\4\234\29s\2126\30\196\1771\152\219\5"
      .. "\21\165\130\243\246C\240\229\159\198\170\174\28\171\250\231\1f: +[9\176\2001X\0\0\0 y"
      .. "\1849\30\149|\174\132\154B\172\1643gla\143X\9{\2)\196M\210\127;\237\249]\196\13\0\0\0d\0"
      .. "\0\0\19ecdsa-sha2-nistp256\0\0\0I\0\0\0!\0\239eh\217\179\177\212:0c\21\232\221\240M\153"
      .. "\25e\160\254\";\157\131\224\171~\146\255\151\239>\0\0\0 nG\175H`T\24U\255\23\133i\215DX#"
      .. "\180\7\182\25\9\174\2050\132y\21}\10\165\220\252\0\0\0\0\0\0\0\0\0\0\0\0\0\12\10\21\0\0"
      .. "\0\0\0\0\0\0\0\0" },
  },
  {
    { 16,
      "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10\13\10" },
    { 864,
      "\0\0\4l\11\20KDZ4\135U\196nW=%\223\148\194\210\184\0\0\1=sntrup761x25519-sha512,sntrup76"
      .. "1x25519-sha512@openssh.com,curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nist"
      .. "p256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha256,diffie-h"
      .. "ellman-group16-sha512,diffie-hellman-group18-sha512,diffie-hellman-group14-sha256,kex-st"
      .. "rict-s-v00@openssh.com\0\0\0009rsa-sha2-512,rsa-sha2-256,ecdsa-sha2-nistp256,ssh-ed25519"
      .. "\0\0\0lchacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh"
      .. ".com,aes256-gcm@openssh.com\0\0\0lchacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,ae"
      .. "s256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com\0\0\0\213umac-64-etm@openssh.com,"
      .. "umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hma"
      .. "c-sha1-etm@openssh.com,umac-64@openssh.com,umac-128@openssh.com,hmac-sha2-256,hmac-sha2-"
      .. "512,hmac-sha1\0\0\0\213umac-64-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha2-256-et"
      .. "m@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha1-etm@openssh.com,umac-64@openssh.co"
      .. "m,umac-128@openssh.com,hmac-sha2-256,hmac-sha2-512,hmac-sha1\0\0\0\21none,zlib@openssh.c"
      .. "om\0\0\0\21none,zlib@openssh.com\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" },
  },
  {
    { 16,
      "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10\13\10" },
    { 864,
      "\0\0\4l\11\20\178v:\21\0238\219\192\160S\209\152,\170\230\229\0\0\1=sntrup761x25519-sha5"
      .. "12,sntrup761x25519-sha512@openssh.com,curve25519-sha256,curve25519-sha256@libssh.org,ecd"
      .. "h-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha2"
      .. "56,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,diffie-hellman-group14-sh"
      .. "a256,kex-strict-s-v00@openssh.com\0\0\0009rsa-sha2-512,rsa-sha2-256,ecdsa-sha2-nistp256,"
      .. "ssh-ed25519\0\0\0lchacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-"
      .. "gcm@openssh.com,aes256-gcm@openssh.com\0\0\0lchacha20-poly1305@openssh.com,aes128-ctr,ae"
      .. "s192-ctr,aes256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com\0\0\0\213umac-64-etm@o"
      .. "penssh.com,umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@open"
      .. "ssh.com,hmac-sha1-etm@openssh.com,umac-64@openssh.com,umac-128@openssh.com,hmac-sha2-256"
      .. ",hmac-sha2-512,hmac-sha1\0\0\0\213umac-64-etm@openssh.com,umac-128-etm@openssh.com,hmac-"
      .. "sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha1-etm@openssh.com,umac-64"
      .. "@openssh.com,umac-128@openssh.com,hmac-sha2-256,hmac-sha2-512,hmac-sha1\0\0\0\21none,zli"
      .. "b@openssh.com\0\0\0\21none,zlib@openssh.com\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
      .. "\0\0" },
  },
  {
    { 16,
      "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10\13\10" },
    { 856,
      "\0\0\4l\11\0202\152\130\252\9\170EF\28I\152Y\165|\151\174\0\0\1=sntrup761x25519-sha512,s"
      .. "ntrup761x25519-sha512@openssh.com,curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sh"
      .. "a2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha256,d"
      .. "iffie-hellman-group16-sha512,diffie-hellman-group18-sha512,diffie-hellman-group14-sha256"
      .. ",kex-strict-s-v00@openssh.com\0\0\0009rsa-sha2-512,rsa-sha2-256,ecdsa-sha2-nistp256,ssh-"
      .. "ed25519\0\0\0lchacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@"
      .. "openssh.com,aes256-gcm@openssh.com\0\0\0lchacha20-poly1305@openssh.com,aes128-ctr,aes192"
      .. "-ctr,aes256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com\0\0\0\213umac-64-etm@opens"
      .. "sh.com,umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh."
      .. "com,hmac-sha1-etm@openssh.com,umac-64@openssh.com,umac-128@openssh.com,hmac-sha2-256,hma"
      .. "c-sha2-512,hmac-sha1\0\0\0\213umac-64-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha2"
      .. "-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha1-etm@openssh.com,umac-64@ope"
      .. "nssh.com,umac-128@openssh.com,hmac-sha2-256,hmac-sha2-512,hmac-sha1\0\0\0\21none,zlib@op"
      .. "enssh.com\0\0\0\21none,zlib@openssh.com\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" },
    { 48,
      "\0\0\0\188\8\31\0\0\0003\0\0\0\11ssh-ed25519\0\0\0 \212\242\137\184\143\231j7\132\168"
      .. "\188\227\217\181]V\233\129\23\11=@\205\19\233\165\17D{\210R\231\0\0\0 \219\152G^\26\230"
      .. "\2\225\235\139\223:3H\245\191D\248s\163\252Et\228\142z\145\155I\221t\10\0\0\0S\0\0\0\11s"
      .. "sh-ed25519\0\0\0@AL\1495\158\10\233k\138$\224i\10\145\26\219{H\188\169\252\166Z\254\231"
      .. "\154L%\130s\2\132\241\1565)\132y\164\220\25s\128b\216k\154\211\1389\11^D\216\160t\3UF?"
      .. "\11\2156\2\0\0\0\0\0\0\0\0\0\0\0\12\10\21\0\0\0\0\0\0\0\0\0\0" },
  },
}
