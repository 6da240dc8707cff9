/* latch - see latch.h */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "proto/err.h"

#include "libagent/latch.h"

enum latch latch_look(int dir_fd)
{
    struct stat st;
    if (fstatat(dir_fd, LATCH_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return LATCH_SET;
    return errno == ENOENT ? LATCH_NONE : LATCH_UNKNOWN;
}

/* The file's name is on disk when the directory is. */
static int sync_directory(void)
{
    int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd >= 0 ? fsync(fd) : -1, why = errno;
    if (fd >= 0)
        close(fd);
    errno = why;
    return rc == 0 ? ERR_OK : ERR_IO;
}

int latch_set(const char *who, const char *why)
{
    char text[320], when[32];
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
    int fd = open(LATCH_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return errno == EEXIST ? ERR_DUPLICATE : ERR_IO;
    int n = snprintf(text, sizeof text, "%s %.40s %.240s\n", when, who, why);
    ssize_t wrote = write(fd, text, (size_t)n);
    (void)wrote;
    int rc = fsync(fd), failed = errno;
    close(fd);
    errno = failed;
    return rc == 0 ? sync_directory() : ERR_IO;
}

void latch_text(char ret[LATCH_TEXT])
{
    int fd = open(LATCH_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    ssize_t n = fd >= 0 ? read(fd, ret, LATCH_TEXT - 1) : 0;
    if (fd >= 0)
        close(fd);
    ret[n > 0 ? n : 0] = '\0';
    ret[strcspn(ret, "\n")] = '\0';
    for (char *p = ret; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
            *p = '?';
}

int latch_clear(int64_t signed_ns)
{
    struct stat st;
    if (lstat(LATCH_FILE, &st) != 0)
        return errno == ENOENT ? ERR_OK : ERR_IO;
    if ((int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec >= signed_ns)
        return ERR_WRONG_STATE;
    if (unlink(LATCH_FILE) != 0)
        return ERR_IO;
    return sync_directory();
}
