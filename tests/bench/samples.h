/* Latencies from a producer's clock to a handler's, on one machine. */
#ifndef MOULT_TESTS_BENCH_SAMPLES_H
#define MOULT_TESTS_BENCH_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What bench_pace writes at the start of each value. */
struct bench_stamp {
  uint64_t sequence;
  int64_t sent_ns; /* CLOCK_MONOTONIC, just before it was given to the producer */
};

int64_t bench_now_ns(void);

/* Any thread: a record with this value has reached its handler. Those whose sequence is below
 * $MOULT_BENCH_WARMUP are ignored. After $MOULT_BENCH_RECORDS others the report, one line of JSON,
 * is in $MOULT_BENCH_REPORT (written under another name first), and the answer is 1. */
int bench_sample(const void* value, size_t size);

#ifdef __cplusplus
}
#endif

#endif
