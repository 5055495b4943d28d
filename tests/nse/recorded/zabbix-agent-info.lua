-- zabbix_agentd, asked by zabbix-agent-info
return {
  key = "tcp:10050",
  {
    { 26,
      "ZBXD\1\6\0\0\0\0\0\0\0006.0.14" },
  },
  {
    { 27,
      "ZBXD\1\4\0\0\0\0\0\0\0web1" },
  },
  {
    { 25,
      "ZBXD\0019\0\0\0\0\0\0\0Linux vm 6.18.44-fc-v782 #1 SMP PREEMPT_DYNAMIC @0 x86_64" },
  },
}
