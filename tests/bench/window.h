/* What a bench run costs from its first record to its last: wall time, CPU of the whole process and
 * peak memory. The bare loops and the plugins that Moult runs use the same code, so that both are
 * measured in the same way: inside their own process, at a cost of one atomic addition a batch. */
#ifndef MOULT_TESTS_BENCH_WINDOW_H
#define MOULT_TESTS_BENCH_WINDOW_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Any thread, before the first batch is worked on and then for each: opens the window once. */
void bench_window_open(void);

/* Any thread, after a batch. When $MOULT_BENCH_RECORDS are reached it closes the window and writes
 * the report, one line of JSON, to $MOULT_BENCH_REPORT (under another name first: who sees the file
 * sees all of it). Returns 1 from then on. */
int bench_window_add(uint64_t records);

#ifdef __cplusplus
}
#endif

#endif
