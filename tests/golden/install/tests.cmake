# What bootstrap does to a machine, with programs that stand in for apt and the build; and what is installed where.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME golden/install/bootstrap COMMAND Python3::Interpreter -B ${CMAKE_CURRENT_LIST_DIR}/bootstrap.py)
set_tests_properties(golden/install/bootstrap PROPERTIES LABELS golden TIMEOUT 300)
if(TARGET musterd)
  add_test(NAME golden/install/unit COMMAND Python3::Interpreter -B ${CMAKE_CURRENT_LIST_DIR}/unit.py ${CMAKE_COMMAND} ${CMAKE_BINARY_DIR})
  set_tests_properties(golden/install/unit PROPERTIES LABELS golden TIMEOUT 300)
endif()
