/* Disk errors for scripts/torture, by LD_PRELOAD.
 *
 * TORTURE_FAULT="KIND NUMBER ERRNO TIMES" lets the call of that number and kind (write, sync, rename or
 * create; counted from 1, over all threads) fail with that error, and the TIMES - 1 calls after it as
 * well; TIMES 0 is for good. A write that fails first takes half of its bytes, as on a disk that fills
 * up. TORTURE_COUNT=FILE has the calls of each kind counted and written to that file at the end.
 * Only regular files are meant: what goes to a terminal or a pipe passes. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { WRITE, SYNC, RENAME, CREATE, KINDS };
static const char *const NAMES[KINDS] = {"write", "sync", "rename", "create"};

static atomic_long calls[KINDS];
static int fault_kind = -1, fault_error;
static long fault_number, fault_times;

__attribute__((constructor)) static void begin(void) {
  const char *text = getenv("TORTURE_FAULT");
  char name[16];
  if (!text || sscanf(text, "%15s %ld %d %ld", name, &fault_number, &fault_error, &fault_times) != 4)
    return;
  for (int kind = 0; kind < KINDS; kind++)
    if (!strcmp(name, NAMES[kind])) fault_kind = kind;
}

__attribute__((destructor)) static void end(void) {
  const char *path = getenv("TORTURE_COUNT");
  FILE *file;
  fault_kind = -1;
  if (!path || !(file = fopen(path, "w"))) return;
  for (int kind = 0; kind < KINDS; kind++) fprintf(file, "%s %ld\n", NAMES[kind], (long)calls[kind]);
  fclose(file);
}

/* How many calls have failed with this one: 0 where it passes. */
static long failing(enum kind kind) {
  long number = atomic_fetch_add(&calls[kind], 1) + 1;
  long nth = number - fault_number + 1;
  if ((int)kind != fault_kind || nth < 1 || (fault_times > 0 && nth > fault_times)) return 0;
  return nth;
}

static int fails(enum kind kind) {
  if (!failing(kind)) return 0;
  errno = fault_error;
  return 1;
}

static int regular(int file) {
  struct stat about;
  int before = errno, is = fstat(file, &about) == 0 && S_ISREG(about.st_mode);
  errno = before;
  return is;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int file, const void *bytes, size_t length) {
  long nth = regular(file) ? failing(WRITE) : 0;
  if (nth == 1 && length > 1) return REAL(write)(file, bytes, length / 2);
  if (nth == 0) return REAL(write)(file, bytes, length);
  errno = fault_error;
  return -1;
}

ssize_t writev(int file, const struct iovec *parts, int count) {
  if (regular(file) && fails(WRITE)) return -1;
  return REAL(writev)(file, parts, count);
}

ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t at) {
  if (regular(file) && fails(WRITE)) return -1;
  return REAL(pwrite64)(file, bytes, length, at);
}

int fsync(int file) { return fails(SYNC) ? -1 : REAL(fsync)(file); }

int fdatasync(int file) { return fails(SYNC) ? -1 : REAL(fdatasync)(file); }

int rename(const char *from, const char *to) { return fails(RENAME) ? -1 : REAL(rename)(from, to); }

int renameat(int at, const char *from, int then, const char *to) {
  return fails(RENAME) ? -1 : REAL(renameat)(at, from, then, to);
}

int renameat2(int at, const char *from, int then, const char *to, unsigned flags) {
  return fails(RENAME) ? -1 : REAL(renameat2)(at, from, then, to, flags);
}

int linkat(int at, const char *from, int then, const char *to, int flags) {
  return fails(RENAME) ? -1 : REAL(linkat)(at, from, then, to, flags);
}

/* The rights of a file that is made: the last argument, which is there for O_CREAT alone. */
#define RIGHTS(flags, rights)                                                                         \
  if ((flags) & (O_CREAT | O_TMPFILE)) {                                                               \
    va_list rest;                                                                                      \
    va_start(rest, flags);                                                                             \
    rights = va_arg(rest, mode_t);                                                                     \
    va_end(rest);                                                                                      \
  }

int open64(const char *path, int flags, ...) {
  mode_t rights = 0;
  RIGHTS(flags, rights)
  if ((flags & O_CREAT) && fails(CREATE)) return -1;
  return REAL(open64)(path, flags, rights);
}

int openat64(int at, const char *path, int flags, ...) {
  mode_t rights = 0;
  RIGHTS(flags, rights)
  if ((flags & O_CREAT) && fails(CREATE)) return -1;
  return REAL(openat64)(at, path, flags, rights);
}
