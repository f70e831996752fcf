/* Include this before the source of a plugin (whose table then stays its own) and you get the same
 * plugin with a window around its batches. What runs for each record is the plugin's code alone. */
#ifndef MOULT_TESTS_BENCH_MEASURED_PLUGIN_H
#define MOULT_TESTS_BENCH_MEASURED_PLUGIN_H

#include <moult/moult.h>

#include "tests/bench/window.h"

#undef MOULT_PLUGIN
#define MOULT_PLUGIN(inner, plugin_name, plugin_version, wanted, needed)                  \
  static int32_t measured_consume(moult_instance* instance, const moult_batch* batch) {   \
    int32_t result;                                                                       \
    bench_window_open();                                                                  \
    result = (inner)->consume(instance, batch);                                           \
    bench_window_add(batch->record_count);                                                \
    return result;                                                                        \
  }                                                                                       \
  static moult_plugin measured_table;                                                     \
  MOULT_NOTE_SECTION static const moult_note moult_plugin_note = {                        \
      MOULT_NOTE_OWNER_SIZE,                                                              \
      sizeof(moult_descriptor),                                                           \
      MOULT_NOTE_TYPE,                                                                    \
      MOULT_NOTE_OWNER,                                                                   \
      {sizeof(moult_descriptor), MOULT_ABI_MAJOR, MOULT_ABI_MINOR, 0, (wanted), (needed), \
       plugin_name, plugin_version}};                                                     \
  MOULT_DECLARE_ENTRY;                                                                    \
  MOULT_DECLARE_ENTRY {                                                                   \
    (void)host;                                                                           \
    (void)handle;                                                                         \
    measured_table = *(inner);                                                            \
    measured_table.consume = measured_consume;                                            \
    *descriptor = &moult_plugin_note.descriptor;                                          \
    return &measured_table;                                                               \
  }                                                                                       \
  MOULT_DECLARE_ENTRY

#endif
