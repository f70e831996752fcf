# A layer is one folder of runtime/ and one static library `moult_<name>`. DEPENDS names the layers
# it may include from (tools/check enforces the same order on the sources), LIBRARIES what it wraps.

include(GNUInstallDirs)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(Boost 1.74 REQUIRED COMPONENTS log filesystem thread system)
find_package(fmt REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(simdjson REQUIRED)
find_package(CLI11 REQUIRED)
if(MOULT_RDKAFKA_PREFIX)
  set(ENV{PKG_CONFIG_PATH} "${MOULT_RDKAFKA_PREFIX}/lib/pkgconfig:$ENV{PKG_CONFIG_PATH}")
endif()
# Another one may be behind the same link by now: what was found of the last is forgotten.
get_filename_component(rdkafka_home "${MOULT_RDKAFKA_PREFIX}/lib/pkgconfig" REALPATH)
if(NOT rdkafka_home STREQUAL "${MOULT_RDKAFKA_FOUND_IN}")
  unset(__pkg_config_checked_RDKAFKA CACHE)
  unset(pkgcfg_lib_RDKAFKA_rdkafka CACHE)
  set(MOULT_RDKAFKA_FOUND_IN "${rdkafka_home}" CACHE INTERNAL "")
endif()
pkg_check_modules(RDKAFKA REQUIRED IMPORTED_TARGET rdkafka>=2.0.2)
pkg_check_modules(LIBELF REQUIRED IMPORTED_TARGET libelf)
pkg_check_modules(LIBSYSTEMD REQUIRED IMPORTED_TARGET libsystemd)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
if(MOULT_RDKAFKA_PREFIX)
  list(APPEND CMAKE_BUILD_RPATH "${MOULT_RDKAFKA_PREFIX}/lib")
endif()

add_library(moult_warnings INTERFACE)
target_compile_options(moult_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
  -Wold-style-cast -Woverloaded-virtual -Wdouble-promotion -Werror)

function(moult_add_layer name)
  cmake_parse_arguments(LAYER "" "" "SOURCES;DEPENDS;LIBRARIES" ${ARGN})
  add_library(moult_${name} STATIC ${LAYER_SOURCES})
  target_include_directories(moult_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_compile_features(moult_${name} PUBLIC cxx_std_20)
  list(TRANSFORM LAYER_DEPENDS PREPEND moult_)
  target_link_libraries(moult_${name}
    PUBLIC ${LAYER_DEPENDS} fmt::fmt Threads::Threads ${LAYER_LIBRARIES}
    PRIVATE $<BUILD_INTERFACE:moult_warnings>)
endfunction()
