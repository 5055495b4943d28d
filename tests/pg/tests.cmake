# Tests against a private PostgreSQL: pg/test_*.py.  They run programs that do one layer's work by hand, pg/<layer>_driver.c, which are
# linked with that layer and become tests/pg_<layer>_driver in the build directory ($MUSTER_BUILD).
file(GLOB pg_drivers CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*_driver.c)
foreach(source ${pg_drivers})
  get_filename_component(name ${source} NAME_WE)
  string(REGEX REPLACE "_driver$" "" layer ${name})
  if(NOT TARGET muster_${layer})
    continue()
  endif()
  add_executable(pg_${name} ${source})
  target_link_libraries(pg_${name} PRIVATE muster_${layer})
  target_include_directories(pg_${name} PRIVATE ${CMAKE_SOURCE_DIR})
  set_target_properties(pg_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
endforeach()

find_package(Python3 COMPONENTS Interpreter)
file(GLOB pg_tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/test_*.py)
foreach(source ${pg_tests})
  get_filename_component(name ${source} NAME_WE)
  string(REGEX REPLACE "^test_" "" name ${name})
  add_test(NAME pg/${name} COMMAND ${Python3_EXECUTABLE} ${source})
  set_tests_properties(pg/${name} PROPERTIES LABELS pg TIMEOUT 900 SKIP_RETURN_CODE 77
    ENVIRONMENT "MUSTER_BUILD=${CMAKE_BINARY_DIR};PYTHONDONTWRITEBYTECODE=1")
endforeach()
