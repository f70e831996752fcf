include(${CMAKE_CURRENT_LIST_DIR}/MoultPlugin.cmake)
