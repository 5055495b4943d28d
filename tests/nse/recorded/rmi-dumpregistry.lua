-- a registry of OpenJDK 17, asked by rmi-dumpregistry
return {
  key = "tcp:1099",
  {
    { 7,
      "N\0\009127.0.0.1\0\0\188\244" },
    { 56,
      "Q\172\237\0\5w\15\1T\128\19Y\0\0\1\162$\153\227g\128\2ur\0\19[Ljava.lang.String;\173\210"
      .. "V\231\233\29{G\2\0\0pxp\0\0\0\1t\0\9lab/hello" },
    { 53,
      "Q\172\237\0\5w\15\1T\128\19Y\0\0\1\162$\153\227g\128\3s}\0\0\0\1\0\2Hipxr\0\23java.lang."
      .. "reflect.Proxy\225'\218 \204\16C\203\2\0\1L\0\1ht\0%Ljava/lang/reflect/InvocationHandler;"
      .. "pxpsr\0-java.rmi.server.RemoteObjectInvocationHandler\0\0\0\0\0\0\0\2\2\0\0pxr\0\28java."
      .. "rmi.server.RemoteObject\211a\180\145\12a3\30\3\0\0pxpw2\0\10UnicastRef\0\009127.0.0.1\0"
      .. "\0\4L\201\212\185\249\226\31\134\254T\128\19Y\0\0\1\162$\153\227g\128\1\1x" },
  },
}
