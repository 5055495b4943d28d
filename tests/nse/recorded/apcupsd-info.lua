-- apcupsd 3.14.14, asked by apcupsd-info
return {
  key = "tcp:3551",
  {
    { 8,
      "\0\24APC      : 001,029,0730\10\0'DATE     : 2026-11-30 11:03:07 +0000  \10\0\14HOSTNAME"
      .. " : vm\10\0(VERSION  : 3.14.14 (31 May 2016) debian\10\0\17UPSNAME  : rack1\10\0\25CABLE "
      .. "   : Ethernet Link\10\0\30DRIVER   : NETWORK UPS Driver\10\0\23UPSMODE  : Stand Alone\10"
      .. "\0'STARTTIME: 2026-11-30 11:03:02 +0000  \10\0'MASTERUPD: 2026-11-30 11:03:07 +0000  \10"
      .. "\0\26MASTER   : 127.0.0.1:3552\10\0\26MODEL    : Smart-UPS 1500\10\0\25STATUS   : ONLINE"
      .. " SLAVE \10\0\23LINEV    : 230.4 Volts\10\0\24LOADPCT  : 12.0 Percent\10\0\25BCHARGE  : 1"
      .. "00.0 Percent\10\0\24TIMELEFT : 60.0 Minutes\10\0\22MBATTCHG : 10 Percent\10\0\21MINTIMEL"
      .. " : 5 Minutes\10\0\21MAXTIME  : 0 Seconds\10\0\13NUMXFERS : 0\10\0\21TONBATT  : 0 Seconds"
      .. "\10\0\21CUMONBATT: 0 Seconds\10\0\15XOFFBATT : N/A\10\0\22STATFLAG : 0x05000408\10\0\24S"
      .. "ERIALNO : AS1234567890\10\0\22BATTDATE : 2024-05-06\10\0\22NOMPOWER : 1000 Watts\10\0\28"
      .. "FIRMWARE : UPS 09.3 / ID=18\10\0'END APC  : 2026-11-30 11:03:08 +0000  \10\0\0" },
  },
}
