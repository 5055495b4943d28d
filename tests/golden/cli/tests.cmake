# The manual page and the completion script against the program's own table of options.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
if(TARGET muster)
  add_test(NAME golden/cli/docs COMMAND Python3::Interpreter -B ${CMAKE_CURRENT_LIST_DIR}/docs.py $<TARGET_FILE:muster>)
  set_tests_properties(golden/cli/docs PROPERTIES LABELS golden TIMEOUT 300)
endif()
