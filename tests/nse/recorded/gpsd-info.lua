-- gpsd 3.22 with a receiver, asked by gpsd-info
return {
  key = "tcp:2947",
  {
    { 0,
      "{\"class\":\"VERSION\",\"release\":\"3.22\",\"rev\":\"3.22\",\"proto_major\":3,\"proto_m"
      .. "inor\":14}\13\10" },
    { 46,
      "{\"class\":\"DEVICES\",\"devices\":[{\"class\":\"DEVICE\",\"path\":\"udp://127.0.0.1:500"
      .. "5\",\"driver\":\"NMEA0183\",\"activated\":\"2026-11-30T11:20:25.917Z\",\"flags\":1}]}\13"
      .. "\10{\"class\":\"DEVICES\",\"devices\":[{\"class\":\"DEVICE\",\"path\":\"udp://127.0.0.1:"
      .. "5005\",\"driver\":\"NMEA0183\",\"activated\":\"2026-11-30T11:20:25.917Z\",\"flags\":1}]}"
      .. "\13\10{\"class\":\"WATCH\",\"enable\":true,\"json\":true,\"nmea\":false,\"raw\":0,\"scal"
      .. "ed\":false,\"timing\":false,\"split24\":false,\"pps\":false}\13\10{\"class\":\"TPV\",\"d"
      .. "evice\":\"udp://127.0.0.1:5005\",\"mode\":3,\"time\":\"2026-11-30T11:20:26.000Z\",\"ept"
      .. "\":0.005,\"lat\":52.500000000,\"lon\":13.400000000,\"altHAE\":80.9000,\"altMSL\":34.0000"
      .. ",\"alt\":34.0000,\"epv\":48.300,\"track\":84.4000,\"magtrack\":88.4562,\"magvar\":4.1,\""
      .. "speed\":0.257,\"climb\":0.000,\"epc\":96.60,\"geoidSep\":46.900,\"eph\":17.100,\"sep\":4"
      .. "7.500}\13\10" },
  },
}
