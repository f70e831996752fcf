# config/capistrano: real deploys to a booted machine, against a real broker.
add_executable(capistrano_tests
  capistrano_fixture.cc capistrano_test.cc machine.cc steady_traffic.cc
  ${CMAKE_SOURCE_DIR}/tests/kafka/group_fixture.cc)
moult_deploy_test(capistrano_tests)
target_compile_definitions(capistrano_tests PRIVATE MOULT_PACKAGES="${CMAKE_BINARY_DIR}/packages")
