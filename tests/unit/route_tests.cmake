# The sources of the tests of runtime/route, beside this file and in ../property.
set(ROUTE_UNIT_TESTS
  route_document_test.cc
  route_key_pointer_test.cc
  route_number_test.cc
  route_where_test.cc)
set(ROUTE_PROPERTY_TESTS
  route_where_test.cc)
