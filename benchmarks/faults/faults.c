/* A library to preload: lets one write below a folder go wrong, in whichever process makes it.
 *
 * FAULTS_ROOT     only files below this folder count
 * FAULTS_COUNTER  a file of 16 zero bytes that all processes share: writes so far, and whether the fault has happened
 * FAULTS_AT       the number of the write that goes wrong, from 1; 0 only counts
 * FAULTS_KIND     kill (SIGKILL to the writer), enospc (this write and every one after it fails: a full disk stays
 *                 full), eio (this write alone fails)
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

static struct { uint64_t writes, fired; } *shared;
static const char *root, *kind;
static uint64_t at;

__attribute__((constructor)) static void begin(void) {
    const char *counter = getenv("FAULTS_COUNTER"), *when = getenv("FAULTS_AT");
    root = getenv("FAULTS_ROOT");
    kind = getenv("FAULTS_KIND");
    if (!root || !counter || !when || !kind) return;
    int file = open(counter, O_RDWR);
    if (file < 0) return;
    void *place = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (place == MAP_FAILED) return;
    at = strtoull(when, NULL, 10);
    shared = place;
}

/* Whether the write that is about to happen on this file goes wrong; errno says how. */
static int goes_wrong(int file) {
    if (!shared) return 0;
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    int saved = errno;
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = saved;
    if (length <= 0) return 0;
    path[length] = 0;
    if (strncmp(path, root, strlen(root))) return 0;
    uint64_t number = __atomic_add_fetch(&shared->writes, 1, __ATOMIC_SEQ_CST);
    if (!at) return 0;
    if (number == at) {
        __atomic_store_n(&shared->fired, 1, __ATOMIC_SEQ_CST);
        if (!strcmp(kind, "kill")) kill(getpid(), SIGKILL);
        errno = strcmp(kind, "eio") ? ENOSPC : EIO;
        return 1;
    }
    if (number > at && !strcmp(kind, "enospc")) {
        errno = ENOSPC;
        return 1;
    }
    return 0;
}

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

ssize_t write(int file, const void *from, size_t count) {
    REAL(write);
    return goes_wrong(file) ? -1 : real(file, from, count);
}

ssize_t pwrite(int file, const void *from, size_t count, off_t offset) {
    REAL(pwrite);
    return goes_wrong(file) ? -1 : real(file, from, count, offset);
}

ssize_t pwrite64(int file, const void *from, size_t count, off64_t offset) {
    REAL(pwrite64);
    return goes_wrong(file) ? -1 : real(file, from, count, offset);
}

ssize_t writev(int file, const struct iovec *parts, int count) {
    REAL(writev);
    return goes_wrong(file) ? -1 : real(file, parts, count);
}
