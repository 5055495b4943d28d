-- epmd, asked by epmd-info
return {
  key = "tcp:4369",
  {
    { 3,
      "\0\0\17\17name rabbit at port 40127\10" },
  },
}
