# The sources of the tests of runtime/admin and of the commands that talk to it, beside this file.
set(ADMIN_UNIT_TESTS
  admin_client_test.cc
  admin_json_test.cc
  admin_server_test.cc)
