# End-to-end tests in network namespaces: each tests/netns/test_*.py is one ctest; the programs come from this build.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
file(GLOB netns_tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/test_*.py)
foreach(test ${netns_tests})
  get_filename_component(name ${test} NAME_WE)
  add_test(NAME netns/${name} COMMAND Python3::Interpreter ${test})
  set_tests_properties(netns/${name} PROPERTIES LABELS netns TIMEOUT 300 SKIP_RETURN_CODE 77
    ENVIRONMENT "MUSTER_BUILD_DIR=${CMAKE_BINARY_DIR}")
endforeach()
