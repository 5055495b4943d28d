-- nats-server 2.9.10, asked by nats-info
return {
  key = "tcp:4222",
  {
    { 0,
      "INFO {\"server_id\":\"NB65XZPLFIBKUK7E2PBYDBERFALPHGJJN2IWN2ILNJE2JIHDLQ3U3ASQ\",\"serve"
      .. "r_name\":\"nats1\",\"version\":\"2.9.10\",\"proto\":1,\"go\":\"go1.19.8\",\"host\":\"0.0"
      .. ".0.0\",\"port\":4222,\"headers\":true,\"max_payload\":1048576,\"jetstream\":true,\"clien"
      .. "t_id\":5,\"client_ip\":\"127.0.0.1\"} \13\10" },
  },
}
