-- svnserve 1.14.2 with one repository, asked by svnserve-info
return {
  key = "tcp:3690",
  {
    { 0,
      "( success ( 2 2 ( ) ( edit-pipeline svndiff1 accepts-svndiff2 absent-entries commit-revp"
      .. "rops depth log-revprops atomic-revprops partial-replay inherited-props ephemeral-txnprop"
      .. "s file-revs-reverse list ) ) ) " },
    { 87,
      "( success ( ( ANONYMOUS ) 36:71a7ec0f-4bf2-4214-8b93-20761eb9a050 ) ) " },
  },
}
