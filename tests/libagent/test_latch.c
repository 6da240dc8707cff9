/* The STOP file: made once and for certain, seen whatever it is, taken away only by who signed after it. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libagent/clock.h"
#include "libagent/latch.h"
#include "proto/err.h"
#include "tests/runner.h"

static char dir[64];

static void begin(void)
{
    snprintf(dir, sizeof dir, "/tmp/enigma-latch-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(chdir(dir), 0);
}

static void end(void)
{
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(rmdir(dir), 0);
}

static bool is_set(void) { return latch_look(AT_FDCWD) == LATCH_SET; }

START_TEST(is_made_once_and_says_when_who_and_why)
{
    char text[LATCH_TEXT];
    begin();
    ck_assert_int_eq(latch_look(AT_FDCWD), LATCH_NONE);
    latch_text(text);
    ck_assert_str_eq(text, "");
    ck_assert_int_eq(latch_set("risk", "DRAWDOWN: the day's loss"), ERR_OK);
    ck_assert(is_set());
    latch_text(text);
    ck_assert_msg(strcmp(text + 20, " risk DRAWDOWN: the day's loss") == 0 && text[10] == 'T' && text[19] == 'Z', "%s", text);
    char first[LATCH_TEXT];
    memcpy(first, text, sizeof first);
    ck_assert_int_eq(latch_set("data", "later"), ERR_DUPLICATE);
    latch_text(text);
    ck_assert_str_eq(text, first);
    ck_assert_int_eq(latch_clear(wall_ns() + 1000000000), ERR_OK);
    ck_assert_int_eq(latch_look(AT_FDCWD), LATCH_NONE);
    ck_assert_int_eq(latch_clear(wall_ns()), ERR_OK);           /* none is none */
    end();
}
END_TEST

START_TEST(anything_of_that_name_is_one_and_what_cannot_be_looked_at_is_unknown)
{
    begin();
    ck_assert_int_eq(mkdir(LATCH_FILE, 0700), 0);
    ck_assert(is_set());
    ck_assert_int_eq(latch_set("risk", "why"), ERR_DUPLICATE);
    ck_assert_int_eq(latch_clear(INT64_MAX), ERR_IO);           /* it stays, and that is said */
    ck_assert(is_set());
    ck_assert_int_eq(rmdir(LATCH_FILE), 0);
    ck_assert_int_eq(symlink("/no/such/file", LATCH_FILE), 0);
    ck_assert(is_set());
    ck_assert_int_eq(latch_set("risk", "why"), ERR_DUPLICATE);
    ck_assert_int_eq(unlink(LATCH_FILE), 0);
    ck_assert_int_eq(mkfifo(LATCH_FILE, 0600), 0);
    char text[LATCH_TEXT];
    latch_text(text);                                           /* does not wait for a writer */
    ck_assert_str_eq(text, "");
    ck_assert_int_eq(unlink(LATCH_FILE), 0);
    ck_assert_int_eq(latch_look(-1), LATCH_UNKNOWN);            /* no such directory */
    end();
}
END_TEST

START_TEST(one_that_was_written_after_the_signature_stays)
{
    begin();
    int64_t before = wall_ns() - 1000000000;
    ck_assert_int_eq(latch_set("risk", "why"), ERR_OK);
    ck_assert_int_eq(latch_clear(before), ERR_WRONG_STATE);
    ck_assert(is_set());
    ck_assert_int_eq(latch_clear(wall_ns() + 1000000000), ERR_OK);
    ck_assert(!is_set());
    end();
}
END_TEST

START_TEST(without_room_for_its_line_it_stops_as_well)
{
    const struct rlimit none = {0, RLIM_INFINITY};
    struct stat st;
    begin();
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
    ck_assert_int_eq(latch_set("risk", "why"), ERR_OK);
    ck_assert(stat(LATCH_FILE, &st) == 0 && st.st_size == 0);
    ck_assert(is_set());
    ck_assert_int_eq(latch_clear(INT64_MAX), ERR_OK);
    end();
}
END_TEST

/* On file systems of its own: one full to the last block, one without an inode, one that is read-only.  A machine that
 * gives none leaves these out. */
START_TEST(a_disk_that_takes_nothing_is_said)
{
    static const struct { const char *options; unsigned long flags; int errnum; } disks[] = {
        {"size=4k", 0, 0}, {"nr_inodes=1", 0, ENOSPC}, {"", MS_RDONLY, EROFS},
    };
    begin();
    if (unshare(geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) != 0 ||
        mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) != 0) {
        printf("left out: no mount namespace: %s\n", strerror(errno));
        end();
        return;
    }
    for (size_t i = 0; i < sizeof disks / sizeof disks[0]; i++) {
        ck_assert_int_eq(mount("none", dir, "tmpfs", disks[i].flags, disks[i].options), 0);
        ck_assert_int_eq(chdir(dir), 0);
        if (disks[i].errnum == 0) {
            static const char page[4096];
            int fd = open("fill", O_WRONLY | O_CREAT, 0600);
            ck_assert_int_eq(write(fd, page, sizeof page), sizeof page);
            ck_assert_int_lt(write(fd, page, 1), 0);
            close(fd);
        }
        errno = 0;
        int err = latch_set("risk", "why");
        ck_assert_msg(err == (disks[i].errnum == 0 ? ERR_OK : ERR_IO) && (err == ERR_OK || errno == disks[i].errnum),
                      "%s: %s, %s", disks[i].options, err_name(err), strerror(errno));
        ck_assert_int_eq(is_set(), err == ERR_OK);
        ck_assert_int_eq(chdir("/"), 0);
        ck_assert_int_eq(umount(dir), 0);
    }
    end();
}
END_TEST

TESTS("latch", is_made_once_and_says_when_who_and_why, anything_of_that_name_is_one_and_what_cannot_be_looked_at_is_unknown,
      one_that_was_written_after_the_signature_stays, without_room_for_its_line_it_stops_as_well,
      a_disk_that_takes_nothing_is_said)
