/* Stands between the server and the C library: fails, cuts short or leaves out what is done to the database's file.
 *
 * SHIM_OP     write | cut | fdatasync: which calls are counted and failed
 * SHIM_AT     the how-manieth of them is failed, from 1
 * SHIM_STICKY 1: and all that follow
 * SHIM_HOW    an errno's number; or half: half of a write is done and the next one fails with ENOSPC
 * SHIM_IGNORE 1: fdatasync, fsync and sync_file_range do nothing and say that they did
 * SHIM_LOG    a file that gets a line for each fdatasync and for each failure
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long calls;
static atomic_int short_written;

static int is_set(const char *name) {
    const char *value = getenv(name);
    return value && strcmp(value, "1") == 0;
}

static int is_database(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 8) return 0;
    path[length] = 0;
    return strcmp(path + length - 8, "/sled/db") == 0;
}

static void note(const char *what) {
    const char *path = getenv("SHIM_LOG");
    if (!path) return;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) return;
    ssize_t (*real)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    char line[64];
    int length = snprintf(line, sizeof line, "%s\n", what);
    (void)!real(fd, line, (size_t)length);
    close(fd);
}

/* Whether this call is to fail. */
static int is_due(const char *op) {
    const char *chosen = getenv("SHIM_OP"), *at = getenv("SHIM_AT");
    if (!chosen || !at || strcmp(chosen, op) != 0) return 0;
    long call = atomic_fetch_add(&calls, 1) + 1;
    int due = call == atol(at) || (call > atol(at) && is_set("SHIM_STICKY"));
    if (due) note("failed");
    return due;
}

static int fail(void) {
    const char *how = getenv("SHIM_HOW");
    errno = how && strcmp(how, "half") != 0 ? atoi(how) : ENOSPC;
    return -1;
}

static ssize_t written(int fd, const void *buffer, size_t count, off64_t offset) {
    ssize_t (*real)(int, const void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pwrite64");
    if (!is_database(fd)) return real(fd, buffer, count, offset);
    if (atomic_load(&short_written)) return fail();
    if (!is_due("write")) return real(fd, buffer, count, offset);
    const char *how = getenv("SHIM_HOW");
    if (how && strcmp(how, "half") == 0 && count > 1) {
        atomic_store(&short_written, 1);
        return real(fd, buffer, count / 2, offset);
    }
    return fail();
}

ssize_t pwrite64(int fd, const void *buffer, size_t count, off64_t offset) { return written(fd, buffer, count, offset); }

ssize_t pwrite(int fd, const void *buffer, size_t count, off_t offset) { return written(fd, buffer, count, offset); }

int ftruncate64(int fd, off64_t length) {
    int (*real)(int, off64_t) = dlsym(RTLD_NEXT, "ftruncate64");
    return is_database(fd) && is_due("cut") ? fail() : real(fd, length);
}

int fdatasync(int fd) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fdatasync");
    if (!is_database(fd)) return real(fd);
    note("fdatasync");
    if (is_set("SHIM_IGNORE")) return 0;
    return is_due("fdatasync") ? fail() : real(fd);
}

int fsync(int fd) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
    return is_set("SHIM_IGNORE") && is_database(fd) ? 0 : real(fd);
}

int sync_file_range(int fd, off64_t offset, off64_t count, unsigned int flags) {
    int (*real)(int, off64_t, off64_t, unsigned int) = dlsym(RTLD_NEXT, "sync_file_range");
    return is_set("SHIM_IGNORE") && is_database(fd) ? 0 : real(fd, offset, count, flags);
}
