/* Preloaded: fails the k-th change of a file below a folder, sets the wall clock, and writes down who is connected to.

   The control file is mapped, so that it can be set from outside at any moment. Only the program that it is loaded into sees any of it. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct control {
    int64_t first, last; /* changes first..last fail, counted from 1; 0: none */
    int64_t error;       /* with this errno; -1: the process is killed */
    int64_t count;       /* changes so far */
    int64_t shift_ns;    /* added to the wall clock */
    int64_t frozen_ns;   /* the wall clock stands here; 0: it runs */
};

static struct control idle, *control = &idle;
static char root[PATH_MAX];
static size_t root_length;
static int connects = -1;

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("SHIM_CONTROL"), *below = getenv("SHIM_ROOT"), *log = getenv("SHIM_CONNECTS");
    int (*real_open)(const char *, int, ...) = real("open");
    if (below && realpath(below, root)) root_length = strlen(root);
    if (path) {
        int fd = real_open(path, O_RDWR | O_CLOEXEC);
        if (fd >= 0) {
            void *found = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
            if (found != MAP_FAILED) control = found;
            close(fd);
        }
    }
    if (log) connects = real_open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
}

static int below_root(const char *path) {
    char full[PATH_MAX];
    if (!root_length || !path) return 0;
    if (path[0] != '/') {
        if (!getcwd(full, sizeof full - strlen(path) - 2)) return 0;
        strcat(strcat(full, "/"), path);
        path = full;
    }
    return strncmp(path, root, root_length) == 0 && (path[root_length] == '/' || !path[root_length]);
}

static int below_fd(int fd) {
    char link[64], full[PATH_MAX];
    if (!root_length || fd < 3) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, full, sizeof full - 1);
    if (size <= 0) return 0;
    full[size] = 0;
    return below_root(full);
}

static int fails(void) {
    int64_t now = __atomic_add_fetch(&control->count, 1, __ATOMIC_SEQ_CST);
    if (!control->first || now < control->first || now > control->last) return 0;
    if (control->error < 0) kill(getpid(), SIGKILL);
    errno = (int)control->error;
    return 1;
}

#define ON_FD(type, name, parameters, arguments) \
    type name parameters { \
        type(*next) parameters = real(#name); \
        if (below_fd(fd) && fails()) return -1; \
        return next arguments; \
    }

/* A disk that is full in the middle of a write takes the first half of it. */
ssize_t write(int fd, const void *data, size_t size) {
    ssize_t (*next)(int, const void *, size_t) = real("write");
    if (below_fd(fd) && fails()) {
        int error = errno;
        if (error == ENOSPC && size > 1 && control->first == control->count) return next(fd, data, size / 2);
        errno = error;
        return -1;
    }
    return next(fd, data, size);
}
ON_FD(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at))
ON_FD(ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at))
ON_FD(ssize_t, writev, (int fd, const struct iovec *parts, int count), (fd, parts, count))
ON_FD(int, fsync, (int fd), (fd))
ON_FD(int, fdatasync, (int fd), (fd))
ON_FD(int, ftruncate, (int fd, off_t size), (fd, size))
ON_FD(int, ftruncate64, (int fd, off64_t size), (fd, size))

#define ON_PATHS(name, parameters, path, arguments) \
    int name parameters { \
        int(*next) parameters = real(#name); \
        if (below_root(path) && fails()) return -1; \
        return next arguments; \
    }

ON_PATHS(rename, (const char *from, const char *to), to, (from, to))
ON_PATHS(renameat, (int a, const char *from, int b, const char *to), to, (a, from, b, to))
ON_PATHS(renameat2, (int a, const char *from, int b, const char *to, unsigned flags), to, (a, from, b, to, flags))
ON_PATHS(link, (const char *from, const char *to), to, (from, to))
ON_PATHS(linkat, (int a, const char *from, int b, const char *to, int flags), to, (a, from, b, to, flags))
ON_PATHS(unlink, (const char *path), path, (path))
ON_PATHS(mkdir, (const char *path, mode_t mode), path, (path, mode))

#define OPENING(name) \
    int name(const char *path, int flags, ...) { \
        int (*next)(const char *, int, ...) = real(#name); \
        va_list rest; va_start(rest, flags); \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        if ((flags & O_ACCMODE) != O_RDONLY && below_root(path) && fails()) return -1; \
        return next(path, flags, mode); \
    }
#define OPENING_AT(name) \
    int name(int folder, const char *path, int flags, ...) { \
        int (*next)(int, const char *, int, ...) = real(#name); \
        va_list rest; va_start(rest, flags); \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        if ((flags & O_ACCMODE) != O_RDONLY && below_root(path) && fails()) return -1; \
        return next(folder, path, flags, mode); \
    }
OPENING(open)
OPENING(open64)
OPENING_AT(openat)
OPENING_AT(openat64)

int connect(int fd, const struct sockaddr *to, socklen_t size) {
    int (*next)(int, const struct sockaddr *, socklen_t) = real("connect");
    if (connects >= 0) {
        char host[INET6_ADDRSTRLEN] = "?", line[128];
        int port = 0;
        if (to->sa_family == AF_INET) {
            inet_ntop(AF_INET, &((const struct sockaddr_in *)to)->sin_addr, host, sizeof host);
            port = ntohs(((const struct sockaddr_in *)to)->sin_port);
        } else if (to->sa_family == AF_INET6) {
            inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)to)->sin6_addr, host, sizeof host);
            port = ntohs(((const struct sockaddr_in6 *)to)->sin6_port);
        } else if (to->sa_family == AF_UNIX) {
            snprintf(host, sizeof host, "unix");
        }
        int length = snprintf(line, sizeof line, "%s %d\n", host, port);
        ssize_t (*out)(int, const void *, size_t) = real("write");
        if (out(connects, line, length) < 0) abort();
    }
    return next(fd, to, size);
}

static int64_t shifted(int64_t now) { return control->frozen_ns ? control->frozen_ns : now + control->shift_ns; }

int clock_gettime(clockid_t which, struct timespec *at) {
    int (*next)(clockid_t, struct timespec *) = real("clock_gettime");
    int result = next(which, at);
    if (!result && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) {
        int64_t now = shifted(at->tv_sec * 1000000000LL + at->tv_nsec);
        at->tv_sec = now / 1000000000LL;
        at->tv_nsec = now % 1000000000LL;
    }
    return result;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    (void)zone;
    return 0;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}
