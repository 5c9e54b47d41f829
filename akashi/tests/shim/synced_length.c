/*
 * A preloaded witness of what a process really asked the disk to keep, for the crash tests.
 *
 * SIGKILL leaves the page cache, so a test that only kills cannot tell a synced write from a lucky one. With this shim
 * in LD_PRELOAD each file's length is noted whenever a sync of it has succeeded; the test then cuts every file back to
 * its last noted length, as a power failure might, and restarts. See `akashi/tests/crash.rs`.
 *
 * AKASHI_SYNC_LOG   file that gets one line "device inode birth octets\n" per successful fsync or fdatasync of a regular
 *                   file or directory; appended with one write(2) each, so lines of several threads never mix. birth is
 *                   when the file was made, in nanoseconds since 1970: an inode's number is used again as soon as its
 *                   file is gone, and a new file must not inherit the promise made to an old one
 * AKASHI_SYNC_DROP  set to 1: none of the four calls below syncs or notes anything, and each reports success. The
 *                   crash test must fail with it.
 *
 * msync and sync_file_range are not noted: neither promises that a file's length survives.
 * syncfs and sync are not seen; nothing here uses them.
 *
 * Build: cc -shared -fPIC -O2 -Wall -Wextra -Werror -o synced_length.so synced_length.c -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_msync)(void *, size_t, int);
static int (*real_sync_file_range)(int, off_t, off_t, unsigned int);

static int log_descriptor = -1;
static int dropping;
static pthread_once_t prepared = PTHREAD_ONCE_INIT;

/* A test must not go on with a witness that sees nothing. */
static void give_up(const char *what)
{
    static const char prefix[] = "synced_length: ";
    if (write(STDERR_FILENO, prefix, sizeof prefix - 1) < 0 || write(STDERR_FILENO, what, strlen(what)) < 0 ||
        write(STDERR_FILENO, "\n", 1) < 0) {
        /* Nobody can be told; aborting still tells the test. */
    }
    abort();
}

static void *next_symbol(const char *name)
{
    void *symbol = dlsym(RTLD_NEXT, name);
    if (symbol == NULL)
        give_up(name);
    return symbol;
}

static void prepare(void)
{
    *(void **)&real_fsync = next_symbol("fsync");
    *(void **)&real_fdatasync = next_symbol("fdatasync");
    *(void **)&real_msync = next_symbol("msync");
    *(void **)&real_sync_file_range = next_symbol("sync_file_range");

    const char *drop = getenv("AKASHI_SYNC_DROP");
    dropping = drop != NULL && strcmp(drop, "1") == 0;

    const char *path = getenv("AKASHI_SYNC_LOG");
    if (dropping || path == NULL || *path == '\0')
        return;
    log_descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_descriptor < 0)
        give_up("cannot open the file named by AKASHI_SYNC_LOG");
}

/* Zero where the file system does not tell, which is then the same for every file. */
static unsigned long long birth_nanoseconds(int descriptor)
{
    struct statx times;
    if (statx(descriptor, "", AT_EMPTY_PATH, STATX_BTIME, &times) != 0 || (times.stx_mask & STATX_BTIME) == 0)
        return 0;
    return (unsigned long long)times.stx_btime.tv_sec * 1000000000ULL + times.stx_btime.tv_nsec;
}

/* Octets written while the sync runs are not promised, so the length taken before it is what gets noted after it. */
static int synced(int descriptor, int (*real_sync)(int))
{
    struct stat before;
    int known = log_descriptor >= 0 && descriptor != log_descriptor && fstat(descriptor, &before) == 0;
    int result = real_sync(descriptor);
    if (result != 0 || !known)
        return result;

    int saved_errno = errno;
    char line[128];
    int length = snprintf(line, sizeof line, "%llu %llu %llu %lld\n", (unsigned long long)before.st_dev,
                          (unsigned long long)before.st_ino, birth_nanoseconds(descriptor), (long long)before.st_size);
    if (length < 0 || (size_t)length >= sizeof line || write(log_descriptor, line, (size_t)length) != length)
        give_up("cannot append to the file named by AKASHI_SYNC_LOG");
    errno = saved_errno;
    return result;
}

int fsync(int descriptor)
{
    pthread_once(&prepared, prepare);
    return dropping ? 0 : synced(descriptor, real_fsync);
}

int fdatasync(int descriptor)
{
    pthread_once(&prepared, prepare);
    return dropping ? 0 : synced(descriptor, real_fdatasync);
}

int msync(void *address, size_t length, int flags)
{
    pthread_once(&prepared, prepare);
    return dropping ? 0 : real_msync(address, length, flags);
}

int sync_file_range(int descriptor, off_t offset, off_t octets, unsigned int flags)
{
    pthread_once(&prepared, prepare);
    return dropping ? 0 : real_sync_file_range(descriptor, offset, octets, flags);
}
