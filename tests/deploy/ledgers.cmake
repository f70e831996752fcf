# Versions of a team's plugin: each writes its own tag.
foreach(version 1 2 3)
  moult_add_plugin(ledger_${version} ${CMAKE_SOURCE_DIR}/tests/support/plugins/ledger.cc)
  target_compile_definitions(ledger_${version}
    PRIVATE LEDGER_VERSION="${version}.0.0" LEDGER_TAG="${version}")
  target_link_libraries(ledger_${version} PRIVATE simdjson::simdjson)
endforeach()

function(moult_deploy_test target)
  moult_quick_to_compile(${target})
  target_link_libraries(${target}
    PRIVATE moult_test_support moult_warnings GTest::gmock GTest::gtest_main)
  target_compile_definitions(${target} PRIVATE
    MOULT_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
    MOULT_BINARY="$<TARGET_FILE:moult>"
    MOULT_DEPLOY_PLUGINS="$<TARGET_FILE_DIR:ledger_1>")
  add_dependencies(${target} ledger_1 ledger_2 ledger_3)
endfunction()
