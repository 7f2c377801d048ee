/* Runs the `main` of a program again and again for scripts/torture, by LD_PRELOAD.
 *
 * To load libtorch takes most of the time of a short run. A program that is started with this library and
 * TORTURE_REQUESTS=SOCKET does all that comes before `main` once. Then it takes requests from that socket:
 * a working folder, a file for standard output, one for standard error, and words, each ended by a zero
 * byte. For each it forks, and the child goes on into `main` with the program's own words and those of the
 * request, in a session of its own. It answers with the child's process id at once, and at its end with
 * its status and the most memory that it took, in KiB. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LONGEST = 1 << 16, WORDS = 256 };
typedef int entry(int, char **, char **);
static entry *program;

/* Other threads would not be in the child, and what they had locked would stay so. */
static int is_alone(void) {
  DIR *tasks = opendir("/proc/self/task");
  int count = 0;
  while (tasks && readdir(tasks)) count++;
  if (tasks) closedir(tasks);
  return count == 3; /* With the entries `.` and `..`. */
}

static void say_into(const char *path, int stream) {
  int file = open(path, O_WRONLY | O_APPEND);
  if (file < 0 || dup2(file, stream) < 0) _exit(126);
  close(file);
}

/* The child's part: what a shell does before it starts a program. */
static int run(char *request, const char *end, int count, char **own) {
  char *words[WORDS] = {0}, *parts[WORDS];
  int given = 0;
  for (char *part = request; part < end && given < WORDS; part += strlen(part) + 1) parts[given++] = part;
  if (given < 3 || count + given - 3 >= WORDS || setsid() < 0 || chdir(parts[0])) _exit(126);
  say_into(parts[1], STDOUT_FILENO);
  say_into(parts[2], STDERR_FILENO);
  memcpy(words, own, count * sizeof *words);
  memcpy(words + count, parts + 3, (given - 3) * sizeof *words);
  return program(count + given - 3, words, environ);
}

static int serve(int count, char **own, char **environment) {
  const char *name = "TORTURE_REQUESTS";
  char request[LONGEST];
  struct rusage usage;
  ssize_t length;
  int status;
  (void)environment;
  if (!getenv(name)) return program(count, own, environ);
  int requests = atoi(getenv(name));
  unsetenv(name);
  unsetenv("LD_PRELOAD");
  if (!is_alone()) return 125;
  while ((length = recv(requests, request, sizeof request, 0)) > 0) {
    long answer[2] = {fork(), 0};
    if (answer[0] == 0) {
      close(requests);
      int code = run(request, request + length, count, own);
      /* Without what the libraries do at their end, which takes as long as their loading. */
      fflush(NULL);
      _exit(code);
    }
    if (answer[0] < 0 || send(requests, answer, sizeof answer, 0) < 0) return 124;
    if (wait4(answer[0], &status, 0, &usage) < 0) return 123;
    answer[0] = status;
    answer[1] = usage.ru_maxrss;
    if (send(requests, answer, sizeof answer, 0) < 0) return 122;
  }
  /* Nothing was run here that would have to be ended. */
  _exit(0);
}

int __libc_start_main(entry *main, int count, char **words, void (*begin)(void), void (*end)(void),
                      void (*unload)(void), void *stack) {
  typedef int start(entry *, int, char **, void (*)(void), void (*)(void), void (*)(void), void *);
  program = main;
  return ((start *)dlsym(RTLD_NEXT, "__libc_start_main"))(serve, count, words, begin, end, unload, stack);
}
