# config/docker: images built and run by podman and crun, against a real broker.
add_executable(docker_tests
  container.cc docker_fixture.cc docker_test.cc steady_traffic.cc
  ${CMAKE_SOURCE_DIR}/tests/kafka/group_fixture.cc)
moult_deploy_test(docker_tests)
