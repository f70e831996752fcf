// stop_thread PID NAME: stops the thread of that name, and it alone, for as long as this program
// lives; prints "stopped" when it has. SIGSTOP would stop the whole process.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static int has_name(const char* process, const char* thread, const char* name) {
  char path[512];
  char comm[64] = "";
  snprintf(path, sizeof path, "/proc/%.20s/task/%.20s/comm", process, thread);
  FILE* file = fopen(path, "r");
  if (file == NULL) return 0;
  const int read = fgets(comm, sizeof comm, file) != NULL;
  fclose(file);
  comm[strcspn(comm, "\n")] = '\0';
  return read && strcmp(comm, name) == 0;
}

static pid_t find(const char* process, const char* name) {
  char path[256];
  pid_t found = 0;
  snprintf(path, sizeof path, "/proc/%s/task", process);
  DIR* threads = opendir(path);
  if (threads == NULL) return 0;
  for (struct dirent* each = readdir(threads); each != NULL && found == 0;
       each = readdir(threads)) {
    if (has_name(process, each->d_name, name)) found = (pid_t)atol(each->d_name);
  }
  closedir(threads);
  return found;
}

int main(int count, char** arguments) {
  const pid_t thread = count == 3 ? find(arguments[1], arguments[2]) : 0;
  if (thread == 0) return 1;
  int status = 0;
  if (ptrace(PTRACE_SEIZE, thread, NULL, NULL) != 0) return 2;
  if (ptrace(PTRACE_INTERRUPT, thread, NULL, NULL) != 0) return 3;
  if (waitpid(thread, &status, __WALL) != thread || !WIFSTOPPED(status)) return 4;
  puts("stopped");
  fflush(stdout);
  // Whoever traces a thread has to take note of its end: its process would not be gone before.
  while (waitpid(thread, &status, __WALL) == thread && WIFSTOPPED(status)) continue;
  return 0;
}
