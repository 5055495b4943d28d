-- upsd 2.8.0 with a dummy supply and one without its driver, asked by nut-info
return {
  key = "tcp:3493",
  {
    { 13,
      "Network UPS Tools upsd 2.8.0 - http://www.networkupstools.org/\10BEGIN LIST UPS\10UPS ra"
      .. "ck1 \"The \\\"blue\\\" rack's\"\10UPS spare \"Description unavailable\"\10END LIST UPS"
      .. "\10" },
  },
  {
    { 15,
      "BEGIN LIST VAR rack1\10VAR rack1 battery.charge \"100\"\10VAR rack1 battery.type \"PbAc"
      .. "\"\10VAR rack1 device.mfr \"EATON\"\10VAR rack1 device.model \"Ellipse PRO 650\"\10VAR r"
      .. "ack1 device.serial \"G355J45123\"\10VAR rack1 device.type \"ups\"\10VAR rack1 driver.nam"
      .. "e \"dummy-ups\"\10VAR rack1 driver.parameter.mode \"dummy-once\"\10VAR rack1 driver.para"
      .. "meter.pollinterval \"2\"\10VAR rack1 driver.parameter.port \"rack1.dev\"\10VAR rack1 dri"
      .. "ver.parameter.synchronous \"auto\"\10VAR rack1 driver.version \"2.8.0\"\10VAR rack1 driv"
      .. "er.version.internal \"0.15\"\10VAR rack1 ups.firmware \"02.08.0010\"\10VAR rack1 ups.loa"
      .. "d \"12\"\10VAR rack1 ups.mfr \"EATON\"\10VAR rack1 ups.model \"Ellipse PRO 650\"\10VAR r"
      .. "ack1 ups.power.nominal \"650\"\10VAR rack1 ups.status \"OL\"\10END LIST VAR rack1\10" },
  },
  {
    { 15,
      "ERR DRIVER-NOT-CONNECTED\10" },
  },
}
