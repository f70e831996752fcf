/* How many sleeps of a millisecond a number of threads really get done in a second on this machine:
 * what no handler that sleeps as long can exceed.
 *
 *   bench_sleepers THREADS SECONDS       prints sleeps a second */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static atomic_int ending;
static atomic_ulong sleeps;

static void* sleeper(void* unused) {
  (void)unused;
  while (!atomic_load(&ending)) {
    struct timespec left = {0, 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
    atomic_fetch_add(&sleeps, 1);
  }
  return NULL;
}

int main(int argc, char** argv) {
  const int threads = argc == 3 ? (int)strtol(argv[1], NULL, 10) : 0;
  const int seconds = argc == 3 ? (int)strtol(argv[2], NULL, 10) : 0;
  pthread_t* all = calloc(threads > 0 ? (size_t)threads : 1, sizeof *all);
  struct timespec duration = {seconds, 0};
  int i;
  if (threads < 1 || seconds < 1 || all == NULL) {
    fprintf(stderr, "usage: bench_sleepers THREADS SECONDS\n");
    return 64;
  }
  for (i = 0; i < threads; i++) {
    if (pthread_create(&all[i], NULL, sleeper, NULL) != 0) return 1;
  }
  nanosleep(&duration, NULL);
  printf("%.0f\n", (double)atomic_load(&sleeps) / seconds);
  atomic_store(&ending, 1);
  for (i = 0; i < threads; i++) pthread_join(all[i], NULL);
  free(all);
  return 0;
}
