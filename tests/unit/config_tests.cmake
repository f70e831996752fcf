# The sources of the tests of runtime/config, beside this file and in ../property.
set(CONFIG_UNIT_TESTS
  config_admin_test.cc
  config_describe_test.cc
  config_handler_test.cc
  config_interpolation_test.cc
  config_json_test.cc
  config_kafka_test.cc
  config_load_test.cc
  config_preset_test.cc
  config_topics_test.cc
  config_units_test.cc
  config_yaml_test.cc)
set(CONFIG_PROPERTY_TESTS
  config_interpolation_test.cc
  config_settings_test.cc
  config_units_test.cc)
