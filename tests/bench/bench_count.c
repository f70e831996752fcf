/* plugins/count.c, measured. */
#include "tests/bench/measured_plugin.h"

#include "plugins/count.c"
