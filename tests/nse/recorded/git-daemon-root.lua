-- git daemon 2.39 with a repository at /, asked by git-daemon-info
return {
  key = "tcp:9418",
  {
    { 37,
      "0103132980bd0c8859ea029a9771f421b199f0101d36 HEAD\0multi_ack thin-pack side-band side-ba"
      .. "nd-64k ofs-delta shallow deepen-since deepen-not deepen-relative no-progress include-tag"
      .. " multi_ack_detailed symref=HEAD:refs/heads/main object-format=sha1 agent=git/2.39.5\0100"
      .. "03d132980bd0c8859ea029a9771f421b199f0101d36 refs/heads/main\0100000" },
  },
}
