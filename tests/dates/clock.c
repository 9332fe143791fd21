/* Another day for a whole tree of processes: `LD_PRELOAD` of this moves the clock of the world by CLOCK_OFFSET_S seconds.

   The monotonic clock, sleeps and waits stay as they are. The times of files move along, so that they fit the clock.
   libfaketime 0.9.10 would do this, but makes the sleeps of Python 3.11 fail (clock_nanosleep with an absolute time). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>

static time_t offset_s;

__attribute__((constructor)) static void begin(void) {
    const char *said = getenv("CLOCK_OFFSET_S");
    offset_s = said ? atol(said) : 0;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int clock_gettime(clockid_t clock, struct timespec *now) {
    static __typeof__(&clock_gettime) real;
    if (!real)
        real = REAL(clock_gettime);
    int failed = real(clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += offset_s;
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *also) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME_COARSE, &exact);
    if (also)
        *also = exact.tv_sec;
    return exact.tv_sec;
}

#define STAT(name, parameters, arguments)                               \
    int name parameters {                                               \
        static __typeof__(&name) real;                                  \
        if (!real)                                                      \
            real = REAL(name);                                          \
        int failed = real arguments;                                    \
        if (!failed) {                                                  \
            found->st_atim.tv_sec += offset_s;                          \
            found->st_mtim.tv_sec += offset_s;                          \
            found->st_ctim.tv_sec += offset_s;                          \
        }                                                               \
        return failed;                                                  \
    }
STAT(stat, (const char *restrict path, struct stat *restrict found), (path, found))
STAT(stat64, (const char *restrict path, struct stat64 *restrict found), (path, found))
STAT(lstat, (const char *restrict path, struct stat *restrict found), (path, found))
STAT(lstat64, (const char *restrict path, struct stat64 *restrict found), (path, found))
STAT(fstat, (int file, struct stat *found), (file, found))
STAT(fstat64, (int file, struct stat64 *found), (file, found))
STAT(fstatat, (int folder, const char *restrict path, struct stat *restrict found, int flags), (folder, path, found, flags))
STAT(fstatat64, (int folder, const char *restrict path, struct stat64 *restrict found, int flags), (folder, path, found, flags))

static const struct timespec *moved(const struct timespec given[2], struct timespec there[2]) {
    if (!given)
        return given;
    for (int i = 0; i < 2; i++) {
        there[i] = given[i];
        if (given[i].tv_nsec != UTIME_NOW && given[i].tv_nsec != UTIME_OMIT)
            there[i].tv_sec -= offset_s;
    }
    return there;
}

int utimensat(int folder, const char *path, const struct timespec times[2], int flags) {
    struct timespec there[2];
    return REAL(utimensat)(folder, path, moved(times, there), flags);
}

int futimens(int file, const struct timespec times[2]) {
    struct timespec there[2];
    return REAL(futimens)(file, moved(times, there));
}
