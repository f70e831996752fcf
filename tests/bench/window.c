#include "tests/bench/window.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <threads.h>
#include <time.h>

struct reading {
  double wall; /* seconds */
  double user; /* seconds of CPU */
  double system;
};

/* One window a process: that is what a bench run is. */
static once_flag opened = ONCE_FLAG_INIT;
static struct reading begin;
static uint64_t wanted;
static _Atomic uint64_t seen;

static double seconds(struct timeval time) {
  return (double)time.tv_sec + 1e-6 * (double)time.tv_usec;
}

static struct reading read_now(void) {
  struct timespec wall;
  struct rusage usage;
  struct reading now;
  clock_gettime(CLOCK_MONOTONIC, &wall);
  getrusage(RUSAGE_SELF, &usage);
  now.wall = (double)wall.tv_sec + 1e-9 * (double)wall.tv_nsec;
  now.user = seconds(usage.ru_utime);
  now.system = seconds(usage.ru_stime);
  return now;
}

static void open_once(void) {
  const char* records = getenv("MOULT_BENCH_RECORDS");
  wanted = records != NULL ? strtoull(records, NULL, 10) : UINT64_MAX;
  begin = read_now();
}

void bench_window_open(void) { call_once(&opened, open_once); }

static void report(uint64_t records) {
  const struct reading end = read_now();
  const char* path = getenv("MOULT_BENCH_REPORT");
  char unfinished[4096];
  struct rusage usage;
  FILE* file;
  if (path == NULL) return;
  getrusage(RUSAGE_SELF, &usage);
  snprintf(unfinished, sizeof unfinished, "%s.part", path);
  file = fopen(unfinished, "w");
  if (file == NULL) return;
  fprintf(file,
          "{\"records\": %llu, \"seconds\": %.6f, \"cpu_user_s\": %.6f, \"cpu_system_s\": %.6f, "
          "\"peak_rss_kib\": %ld, \"voluntary_switches\": %ld, \"involuntary_switches\": %ld}\n",
          (unsigned long long)records, end.wall - begin.wall, end.user - begin.user,
          end.system - begin.system, usage.ru_maxrss, usage.ru_nvcsw, usage.ru_nivcsw);
  if (fclose(file) == 0) rename(unfinished, path);
}

int bench_window_add(uint64_t records) {
  const uint64_t before = atomic_fetch_add(&seen, records);
  if (before < wanted && before + records >= wanted) report(before + records);
  return before + records >= wanted;
}
