# The script host against real servers and Nmap's own scripts.  Needs the nmap package; skipped (77) without it.
if(TARGET muster_script)
  add_executable(nse_driver ${CMAKE_CURRENT_SOURCE_DIR}/nse/nse_driver.c)
  target_link_libraries(nse_driver PRIVATE muster_script)
  target_include_directories(nse_driver PRIVATE ${CMAKE_SOURCE_DIR})
  set_target_properties(nse_driver PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)

  find_package(Python3 COMPONENTS Interpreter REQUIRED)
  add_test(NAME nse/corpus
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/nse/test_corpus.py $<TARGET_FILE:nse_driver>)
  set_tests_properties(nse/corpus PROPERTIES LABELS nse TIMEOUT 900 SKIP_RETURN_CODE 77)

  # the unit suites of an installed Nmap's libraries, run from where they are installed, on our libraries
  set(nmap_data /usr/share/nmap)
  if(NOT IS_DIRECTORY ${nmap_data})
    set(nmap_data ${CMAKE_SOURCE_DIR})
  endif()
  add_test(NAME nse/suites-on-ours
    COMMAND nse_driver --datadir ${CMAKE_SOURCE_DIR} --datadir ${nmap_data} --script ${CMAKE_CURRENT_SOURCE_DIR}/nse/suites.nse)
  set_tests_properties(nse/suites-on-ours PROPERTIES LABELS nse TIMEOUT 900 PASS_REGULAR_EXPRESSION "unit tests of [0-9]+ libraries"
    FAIL_REGULAR_EXPRESSION "FAILED;ERROR" SKIP_REGULAR_EXPRESSION "skipped:")
endif()
include(${CMAKE_CURRENT_LIST_DIR}/lua_tests.cmake OPTIONAL)

# How many of an installed Nmap's scripts load on our nselib alone; fewer than before is a failure.
find_program(LUA54 NAMES lua5.4 lua54)
if(LUA54)
  add_test(NAME nse/loads-on-ours
    COMMAND ${LUA54} ${CMAKE_CURRENT_SOURCE_DIR}/nse/lib/load_corpus.lua 543)
  # docs/checks.md is what the scripts say; every one has recorded exchanges
  add_test(NAME nse/checks-table
    COMMAND ${LUA54} ${CMAKE_CURRENT_SOURCE_DIR}/nse/lib/scripts_table.lua --check 0)
  # the recorded exchanges again with mutated answers; always the same ones here, MUSTER_MUTATIONS=100000 by hand
  add_test(NAME nse/mutate COMMAND ${LUA54} ${CMAKE_CURRENT_SOURCE_DIR}/nse/mutate.lua)
  set_tests_properties(nse/mutate PROPERTIES LABELS nse TIMEOUT 900 ENVIRONMENT "MUSTER_MUTATE_SEED=1")
  set_tests_properties(nse/checks-table PROPERTIES LABELS nse TIMEOUT 900)
  set_tests_properties(nse/loads-on-ours PROPERTIES LABELS nse TIMEOUT 900 SKIP_RETURN_CODE 77)
endif()
