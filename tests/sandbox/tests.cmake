# What each role may do after it gave up the rest: forbidden calls fail, allowed ones work.
if(TARGET muster_privilege)
  add_executable(sandbox_test ${CMAKE_CURRENT_LIST_DIR}/test_sandbox.c)
  target_link_libraries(sandbox_test PRIVATE muster_privilege PkgConfig::PKG_CMOCKA)
  target_include_directories(sandbox_test PRIVATE ${CMAKE_SOURCE_DIR})
  set_target_properties(sandbox_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME sandbox/roles COMMAND sandbox_test)
  set_tests_properties(sandbox/roles PROPERTIES LABELS sandbox TIMEOUT 600 SKIP_RETURN_CODE 77)
endif()
