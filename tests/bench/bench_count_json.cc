// plugins/count_json.cc, measured.
#include "tests/bench/measured_plugin.h"

#include "plugins/count_json.cc"
