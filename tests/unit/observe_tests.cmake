set(OBSERVE_UNIT_TESTS
  log_escape_test.cc
  log_journal_test.cc
  log_line_writer_test.cc
  log_queue_gate_test.cc
  log_sink_test.cc
  service_notifier_test.cc
  service_report_test.cc)
