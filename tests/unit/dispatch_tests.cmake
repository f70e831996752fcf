# The sources of the tests of runtime/dispatch, beside this file and in ../property.
set(DISPATCH_UNIT_TESTS
  backoff_test.cc
  dispatcher_assignment_test.cc
  dispatcher_commit_test.cc
  dispatcher_handlers_test.cc
  dispatcher_handover_test.cc
  dispatcher_lane_test.cc
  dispatcher_spread_test.cc
  dispatcher_stop_test.cc
  lane_test.cc)
set(DISPATCH_PROPERTY_TESTS
  offset_tracker_test.cc)
