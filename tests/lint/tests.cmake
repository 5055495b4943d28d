# Lint: what a reviewer should not have to say.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(lint_dir ${CMAKE_CURRENT_LIST_DIR})

get_property(lint_includes TARGET PkgConfig::PKG_LUA PROPERTY INTERFACE_INCLUDE_DIRECTORIES)
foreach(package PQ CYAML CURL SYSTEMD)
  get_property(dirs TARGET PkgConfig::PKG_${package} PROPERTY INTERFACE_INCLUDE_DIRECTORIES)
  list(APPEND lint_includes ${dirs})
endforeach()
list(TRANSFORM lint_includes PREPEND -I)

file(GLOB lint_scripts CONFIGURE_DEPENDS ${lint_dir}/*.py)
foreach(script ${lint_scripts})
  get_filename_component(name ${script} NAME_WE)
  set(arguments "")
  if(name STREQUAL headers)
    set(arguments ${CMAKE_C_COMPILER} ${lint_includes})
  endif()
  add_test(NAME lint/${name} COMMAND Python3::Interpreter ${script} ${arguments})
  set_tests_properties(lint/${name} PROPERTIES LABELS lint TIMEOUT 600 SKIP_RETURN_CODE 77
    ENVIRONMENT "MUSTER_BUILD_DIR=${CMAKE_BINARY_DIR}")
endforeach()
