# What `muster scan` writes: unit/cli/test_scan_writer compares the files, this holds the XML among them against nmap's DTD.
find_program(XMLLINT xmllint)
set(NMAP_DTD /usr/share/nmap/nmap.dtd)
file(GLOB golden_xml CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.xml)
if(XMLLINT AND EXISTS ${NMAP_DTD})
  add_test(NAME golden/scan/dtd COMMAND ${XMLLINT} --noout --nonet --dtdvalid ${NMAP_DTD} ${golden_xml})
  set_tests_properties(golden/scan/dtd PROPERTIES LABELS golden)
endif()
