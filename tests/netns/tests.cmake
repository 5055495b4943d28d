# Tests in network namespaces: each tests/netns/test_*.py is one ctest; the programs come from this build.
find_package(Python3 REQUIRED COMPONENTS Interpreter)

# The scanner and the listener alone, for tests and measurements.
if(TARGET muster_scan)
  foreach(driver scan_driver listen_driver)
    add_executable(${driver} ${CMAKE_CURRENT_LIST_DIR}/${driver}.c)
    target_link_libraries(${driver} PRIVATE muster_scan)
    target_include_directories(${driver} PRIVATE ${CMAKE_SOURCE_DIR})
    set_target_properties(${driver} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  endforeach()
endif()

file(GLOB netns_tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/test_*.py)
foreach(test ${netns_tests})
  get_filename_component(name ${test} NAME_WE)
  add_test(NAME netns/${name} COMMAND Python3::Interpreter -B ${test})
  set_tests_properties(netns/${name} PROPERTIES LABELS netns TIMEOUT 900 SKIP_RETURN_CODE 77
    ENVIRONMENT "MUSTER_BUILD_DIR=${CMAKE_BINARY_DIR}")
endforeach()
