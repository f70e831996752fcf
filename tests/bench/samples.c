#include "tests/bench/samples.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <time.h>

/* One series a process: that is what a bench run is. */
static once_flag opened = ONCE_FLAG_INIT;
static uint64_t wanted;
static uint64_t warm_up;
static int64_t* latencies; /* `wanted` of them, in nanoseconds */
static _Atomic uint64_t taken;
static _Atomic uint64_t written;

int64_t bench_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static uint64_t number_of(const char* variable) {
  const char* text = getenv(variable);
  return text != NULL ? strtoull(text, NULL, 10) : 0;
}

static void open_once(void) {
  wanted = number_of("MOULT_BENCH_RECORDS");
  warm_up = number_of("MOULT_BENCH_WARMUP");
  latencies = calloc(wanted, sizeof *latencies);
  if (latencies == NULL) wanted = 0;
}

static int compare(const void* a, const void* b) {
  const int64_t left = *(const int64_t*)a;
  const int64_t right = *(const int64_t*)b;
  return (left > right) - (left < right);
}

/* Of the sorted latencies, in microseconds. */
static double percentile(double part) {
  const uint64_t index = (uint64_t)(part * (double)(wanted - 1) + 0.5);
  return (double)latencies[index] / 1000.0;
}

static void report(void) {
  const char* path = getenv("MOULT_BENCH_REPORT");
  char unfinished[4096];
  FILE* file;
  if (path == NULL) return;
  snprintf(unfinished, sizeof unfinished, "%s.part", path);
  file = fopen(unfinished, "w");
  if (file == NULL) return;
  qsort(latencies, wanted, sizeof *latencies, compare);
  fprintf(file,
          "{\"records\": %llu, \"p50_us\": %.1f, \"p90_us\": %.1f, \"p99_us\": %.1f, "
          "\"p999_us\": %.1f, \"max_us\": %.1f}\n",
          (unsigned long long)wanted, percentile(0.5), percentile(0.9), percentile(0.99),
          percentile(0.999), percentile(1.0));
  if (fclose(file) == 0) rename(unfinished, path);
}

int bench_sample(const void* value, size_t size) {
  const int64_t now = bench_now_ns();
  struct bench_stamp stamp;
  uint64_t index;
  call_once(&opened, open_once);
  if (size < sizeof stamp) return 0;
  memcpy(&stamp, value, sizeof stamp);
  if (stamp.sequence < warm_up) return 0;
  index = atomic_fetch_add(&taken, 1);
  if (index >= wanted) return 1;
  latencies[index] = now - stamp.sent_ns;
  /* The last to write reports: by then every sample is in its place. */
  if (atomic_fetch_add(&written, 1) + 1 < wanted) return 0;
  report();
  return 1;
}
