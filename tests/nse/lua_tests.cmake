# Tests in Lua: our own libraries and scripts against scripted sockets (run_lua.lua), one ctest for each file.
find_program(LUA54 NAMES lua5.4 lua54)
file(GLOB lua_tests CONFIGURE_DEPENDS
  ${CMAKE_CURRENT_LIST_DIR}/lib/test_*.lua ${CMAKE_CURRENT_LIST_DIR}/scripts/*.lua)
if(LUA54)
  foreach(source ${lua_tests})
    get_filename_component(name ${source} NAME_WE)
    get_filename_component(directory ${source} DIRECTORY)
    get_filename_component(group ${directory} NAME)
    add_test(NAME nse/${group}/${name}
      COMMAND ${LUA54} ${CMAKE_CURRENT_LIST_DIR}/run_lua.lua ${source})
    set_tests_properties(nse/${group}/${name} PROPERTIES LABELS nse TIMEOUT 900
      SKIP_RETURN_CODE 77)
  endforeach()
endif()
