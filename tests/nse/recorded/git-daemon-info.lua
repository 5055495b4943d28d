-- git daemon 2.39 without a repository at /, asked by git-daemon-info
return {
  key = "tcp:9418",
  {
    { 37,
      "0033ERR access denied or repository not exported: /" },
  },
}
