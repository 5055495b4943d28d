# Tests in network namespaces of their own: tests/netns/test_*.py, each one ctest, skipped with 77 where the
# machine does not allow unprivileged user namespaces.
find_package(Python3 COMPONENTS Interpreter REQUIRED)

if(TARGET muster_scan)
  add_executable(scan_driver netns/scan_driver.c)
  target_link_libraries(scan_driver PRIVATE muster_scan)
  target_include_directories(scan_driver PRIVATE ${CMAKE_SOURCE_DIR})
  set_target_properties(scan_driver PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
endif()

file(GLOB netns_tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/netns/test_*.py)
foreach(source ${netns_tests})
  get_filename_component(name ${source} NAME_WE)
  string(REGEX REPLACE "^test_" "" name ${name})
  add_test(NAME netns/${name} COMMAND Python3::Interpreter -B ${source})
  set_tests_properties(netns/${name} PROPERTIES LABELS netns TIMEOUT 300 SKIP_RETURN_CODE 77
    ENVIRONMENT "MUSTER_BUILD=${CMAKE_BINARY_DIR}")
endforeach()
