/* Stands between the server and the C library: fails, cuts short or leaves out what is done to some of its files.
 *
 * SHIM_FILE   which ones: those whose paths contain this; the database's file unless given
 * SHIM_OP     open | write | cut | fdatasync | fsync | range | rename | unlink: which calls are counted and failed;
 *             any: all of these
 * SHIM_AT     the how-manieth of them is failed, from 1
 * SHIM_STICKY 1: and all that follow
 * SHIM_HOW    an errno's number; or half: half of a write is done and the next one fails with ENOSPC
 * SHIM_BAD    a byte's number: each read of it fails with EIO, as that of a bad sector does
 * SHIM_IGNORE fdatasync: that does nothing and says that it did; all: fsync and sync_file_range, too
 * SHIM_LOG    a file that gets a line for each fdatasync, "fdatasync", and for each failure, "failed OP PATH"
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define PATH_BYTES 4096

static atomic_long calls;
static atomic_int short_written;

static int is_set(const char *name, const char *expected) {
    const char *value = getenv(name);
    return value && strcmp(value, expected) == 0;
}

static int is_chosen(const char *path) {
    const char *part = getenv("SHIM_FILE");
    return strstr(path, part ? part : "/sled/db") != NULL;
}

/* The path of an open file, if it is one of those. */
static const char *chosen(int fd, char path[PATH_BYTES]) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_BYTES - 1);
    if (length < 0) return NULL;
    path[length] = 0;
    return is_chosen(path) ? path : NULL;
}

static void note(const char *what, const char *op, const char *path) {
    const char *log = getenv("SHIM_LOG");
    if (!log) return;
    int (*real_open)(const char *, int, ...) = dlsym(RTLD_NEXT, "open64");
    ssize_t (*real_write)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    int fd = real_open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) return;
    char line[PATH_BYTES + 64];
    int length = snprintf(line, sizeof line, *op ? "%s %s %s\n" : "%s\n", what, op, path);
    (void)!real_write(fd, line, (size_t)length);
    close(fd);
}

/* Whether this call is to fail. */
static int is_due(const char *op, const char *path) {
    const char *at = getenv("SHIM_AT");
    if (!at || !(is_set("SHIM_OP", op) || is_set("SHIM_OP", "any"))) return 0;
    long call = atomic_fetch_add(&calls, 1) + 1;
    int due = call == atol(at) || (call > atol(at) && is_set("SHIM_STICKY", "1"));
    if (due) note("failed", op, path);
    return due;
}

static int fail(void) {
    errno = getenv("SHIM_HOW") && !is_set("SHIM_HOW", "half") ? atoi(getenv("SHIM_HOW")) : ENOSPC;
    return -1;
}

/* How much of a write is to be done, or -1. */
static ssize_t allowed(int fd, size_t count) {
    char path[PATH_BYTES];
    if (!chosen(fd, path)) return (ssize_t)count;
    if (atomic_load(&short_written)) return fail();
    if (!is_due("write", path)) return (ssize_t)count;
    if (!is_set("SHIM_HOW", "half") || count < 2) return fail();
    atomic_store(&short_written, 1);
    return (ssize_t)(count / 2);
}

ssize_t pwrite64(int fd, const void *buffer, size_t count, off64_t offset) {
    ssize_t (*real)(int, const void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pwrite64");
    ssize_t part = allowed(fd, count);
    return part < 0 ? part : real(fd, buffer, (size_t)part, offset);
}

ssize_t pwrite(int fd, const void *buffer, size_t count, off_t offset) { return pwrite64(fd, buffer, count, offset); }

ssize_t write(int fd, const void *buffer, size_t count) {
    ssize_t (*real)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    ssize_t part = allowed(fd, count);
    return part < 0 ? part : real(fd, buffer, (size_t)part);
}

/* Whether a read is one of the bad byte. */
static int is_bad(int fd, size_t count, off64_t offset) {
    const char *bad = getenv("SHIM_BAD");
    char path[PATH_BYTES];
    if (!bad || atoll(bad) < offset || atoll(bad) >= offset + (off64_t)count || !chosen(fd, path)) return 0;
    note("failed", "read", path);
    errno = EIO;
    return 1;
}

ssize_t read(int fd, void *buffer, size_t count) {
    ssize_t (*real)(int, void *, size_t) = dlsym(RTLD_NEXT, "read");
    if (getenv("SHIM_BAD") && is_bad(fd, count, lseek64(fd, 0, SEEK_CUR))) return -1;
    return real(fd, buffer, count);
}

ssize_t pread64(int fd, void *buffer, size_t count, off64_t offset) {
    ssize_t (*real)(int, void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pread64");
    return is_bad(fd, count, offset) ? -1 : real(fd, buffer, count, offset);
}

int open64(const char *path, int flags, ...) {
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open64");
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return is_chosen(path) && is_due("open", path) ? fail() : real(path, flags, mode);
}

int rename(const char *from, const char *to) {
    int (*real)(const char *, const char *) = dlsym(RTLD_NEXT, "rename");
    return is_chosen(to) && is_due("rename", to) ? fail() : real(from, to);
}

int unlink(const char *path) {
    int (*real)(const char *) = dlsym(RTLD_NEXT, "unlink");
    return is_chosen(path) && is_due("unlink", path) ? fail() : real(path);
}

int ftruncate64(int fd, off64_t length) {
    int (*real)(int, off64_t) = dlsym(RTLD_NEXT, "ftruncate64");
    char path[PATH_BYTES];
    return chosen(fd, path) && is_due("cut", path) ? fail() : real(fd, length);
}

int fdatasync(int fd) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fdatasync");
    char path[PATH_BYTES];
    if (!chosen(fd, path)) return real(fd);
    note("fdatasync", "", "");
    if (is_set("SHIM_IGNORE", "fdatasync") || is_set("SHIM_IGNORE", "all")) return 0;
    return is_due("fdatasync", path) ? fail() : real(fd);
}

int fsync(int fd) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
    char path[PATH_BYTES];
    if (!chosen(fd, path)) return real(fd);
    if (is_set("SHIM_IGNORE", "all")) return 0;
    return is_due("fsync", path) ? fail() : real(fd);
}

int sync_file_range(int fd, off64_t offset, off64_t count, unsigned int flags) {
    int (*real)(int, off64_t, off64_t, unsigned int) = dlsym(RTLD_NEXT, "sync_file_range");
    char path[PATH_BYTES];
    if (!chosen(fd, path)) return real(fd, offset, count, flags);
    if (is_set("SHIM_IGNORE", "all")) return 0;
    return is_due("range", path) ? fail() : real(fd, offset, count, flags);
}
