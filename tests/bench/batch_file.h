/* What bench_reload.c writes and bench_reloads.cc reads: for each instance a file, which is a head
 * and then batches, each followed by its records. Times are CLOCK_MONOTONIC's. */
#ifndef MOULT_TESTS_BENCH_BATCH_FILE_H
#define MOULT_TESTS_BENCH_BATCH_FILE_H

#include <stdint.h>

struct bench_instance_head {
  int32_t partition;
  uint32_t build; /* which of the two builds of the plugin it was */
};

struct bench_batch_head {
  int64_t begin_ns;
  int64_t end_ns;
  uint64_t records;
};

struct bench_record_seen {
  int64_t offset;
  int64_t sent_ns;   /* the producer's stamp */
  int64_t stored_ns; /* when the broker had it; known to the millisecond, rounded down */
};

#endif
