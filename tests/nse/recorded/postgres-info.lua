-- PostgreSQL 15.20 that lets anyone in, asked by postgres-info
return {
  key = "tcp:5432",
  {
    { 8,
      "N" },
  },
  {
    { 41,
      "R\0\0\0\8\0\0\0\0S\0\0\0\22application_name\0\0S\0\0\0\25client_encoding\0UTF8\0S\0\0\0"
      .. "\23DateStyle\0ISO, MDY\0S\0\0\0&default_transaction_read_only\0off\0S\0\0\0\23in_hot_sta"
      .. "ndby\0off\0S\0\0\0\25integer_datetimes\0on\0S\0\0\0\27IntervalStyle\0postgres\0S\0\0\0"
      .. "\20is_superuser\0on\0S\0\0\0\25server_encoding\0UTF8\0S\0\0\0002server_version\00015.20 "
      .. "(Debian 15.20-0+deb12u1)\0S\0\0\0#session_authorization\0postgres\0S\0\0\0#standard_conf"
      .. "orming_strings\0on\0S\0\0\0\21TimeZone\0Etc/UTC\0K\0\0\0\12\0\0*\131\170z\25-Z\0\0\0\5I" },
  },
  {
    { 41,
      "E\0\0\0\139SFATAL\0VFATAL\0C0A000\0Munsupported frontend protocol 65535.65535: server su"
      .. "pports 3.0 to 3.0\0Fpostmaster.c\0L2220\0RProcessStartupPacket\0\0" },
  },
}
