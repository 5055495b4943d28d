# Golden files: each directory brings its own tests.
file(GLOB golden_parts CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*/tests.cmake)
foreach(part ${golden_parts})
  include(${part})
endforeach()
