# Bodies of each kind of receiver: against our own fixtures of its documentation (tests/schema) and against *.expected.
find_package(Python3 COMPONENTS Interpreter)
add_executable(kind_driver ${CMAKE_CURRENT_LIST_DIR}/kind_driver.c)
target_link_libraries(kind_driver PRIVATE muster_alert)
target_include_directories(kind_driver PRIVATE ${CMAKE_SOURCE_DIR})
set_target_properties(kind_driver PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
add_test(NAME golden/payload COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/test_payload.py)
set_tests_properties(golden/payload PROPERTIES LABELS golden TIMEOUT 900
  ENVIRONMENT "MUSTER_BUILD=${CMAKE_BINARY_DIR};PYTHONDONTWRITEBYTECODE=1")
