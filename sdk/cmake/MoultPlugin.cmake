# moult_add_plugin(<name> <source>…) makes <name>.so, a handler plugin for the Moult daemon, and
# Moult::sdk carries the headers. Works in Moult's own tree and from an installed SDK
# (find_package(Moult)).

if(NOT TARGET Moult::sdk)
  add_library(Moult::sdk INTERFACE IMPORTED GLOBAL)
  foreach(candidate
          ${CMAKE_CURRENT_LIST_DIR}/../include                # the source tree
          ${CMAKE_CURRENT_LIST_DIR}/../testing/include
          ${CMAKE_CURRENT_LIST_DIR}/../../../include)         # <prefix>/share/Moult/cmake
    if(EXISTS ${candidate}/moult/moult.h OR EXISTS ${candidate}/moult/testing.hpp)
      get_filename_component(candidate ${candidate} ABSOLUTE)
      target_include_directories(Moult::sdk INTERFACE ${candidate})
    endif()
  endforeach()
endif()

cmake_policy(PUSH)
cmake_policy(VERSION 3.18)  # IN_LIST, CMAKE_CURRENT_FUNCTION_LIST_DIR

# What keeps a plugin unloadable: one exported symbol, no unique symbols, everything resolved at
# load time, and a build id that tells versions apart.
function(moult_add_plugin name)
  add_library(${name} MODULE ${ARGN})
  set_target_properties(${name} PROPERTIES
    PREFIX "" SUFFIX ".so"
    C_VISIBILITY_PRESET hidden
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON
    LINK_DEPENDS ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/moult.map)
  get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
  if(C IN_LIST languages)
    target_compile_features(${name} PRIVATE c_std_11)
  endif()
  if(CXX IN_LIST languages)
    target_compile_features(${name} PRIVATE cxx_std_17)
  endif()
  # Clang never makes unique symbols and does not know the option.
  target_compile_options(${name} PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>)
  target_link_libraries(${name} PRIVATE Moult::sdk)
  target_link_options(${name} PRIVATE
    -Wl,--version-script=${CMAKE_CURRENT_FUNCTION_LIST_DIR}/moult.map
    -Wl,-z,defs -Wl,-z,now -Wl,--build-id)
endfunction()

cmake_policy(POP)
