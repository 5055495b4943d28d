-- svnserve 1.14.2 with no repository at its root, asked by svnserve-info
return {
  key = "tcp:3690",
  {
    { 0,
      "( success ( 2 2 ( ) ( edit-pipeline svndiff1 accepts-svndiff2 absent-entries commit-revp"
      .. "rops depth log-revprops atomic-revprops partial-replay inherited-props ephemeral-txnprop"
      .. "s file-revs-reverse list ) ) ) " },
    { 87,
      "( failure ( ( 210005 40:No repository found in 'svn://127.0.0.1' 0: 0 ) ) ) " },
  },
}
