/* logs - the log lines of one process or of all, in the order of their time; see cli.h
 *
 * supervisord keeps NAME.log and NAME.log.1 (newer) ... NAME.log.3 (oldest): when NAME.log is full each is
 * renamed to the next.  A file is known by its inode, whatever its name is by now: at its end its successor is
 * the one whose number is one less.  So nothing is lost while it is followed, unless it was removed before it
 * was read.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "proto/text.h"

#include "deploy/cli/cli.h"

#define LOGS_MAX  32
#define BACKUPS   3             /* instance.c: stdout_logfile_backups */
#define LINE_SIZE 4096

struct log {
    char name[64];              /* empty: a free slot */
    FILE *f;                    /* NULL: none of its files was there yet */
    dev_t dev;
    ino_t ino;
    size_t len;                 /* of the text in line */
    bool have;                  /* line is whole */
    char line[LINE_SIZE];
};

static void path_of(const struct log *l, int number, char ret[128])
{
    if (number == 0)
        snprintf(ret, 128, "log/%.63s.log", l->name);
    else
        snprintf(ret, 128, "log/%.63s.log.%d", l->name, number);
}

/* The number of the file that is open now; -1: it has been removed. */
static int number_of(const struct log *l)
{
    char path[128];
    struct stat st;
    for (int i = 0; i <= BACKUPS; i++) {
        path_of(l, i, path);
        if (stat(path, &st) == 0 && st.st_ino == l->ino && st.st_dev == l->dev)
            return i;
    }
    return -1;
}

static bool open_number(struct log *l, int number)
{
    char path[128];
    struct stat st;
    path_of(l, number, path);
    FILE *f = fopen(path, "re");
    if (f == NULL || fstat(fileno(f), &st) != 0) {
        if (f != NULL)
            fclose(f);
        return false;
    }
    if (l->f != NULL)
        fclose(l->f);
    l->f = f;
    l->dev = st.st_dev;
    l->ino = st.st_ino;
    return true;
}

static bool open_oldest(struct log *l)
{
    for (int i = BACKUPS; i >= 0; i--)
        if (open_number(l, i))
            return true;
    return false;
}

/* More of the line; what is longer than its buffer comes in parts. */
static bool read_some(struct log *l)
{
    while (!l->have && fgets(l->line + l->len, (int)(sizeof l->line - l->len), l->f) != NULL) {
        l->len += strlen(l->line + l->len);
        l->have = l->line[l->len - 1] == '\n' || l->len == sizeof l->line - 1;
    }
    clearerr(l->f);
    return l->have;
}

/* A process that was killed may have left half a line. */
static bool end_line(struct log *l)
{
    if (l->len == 0)
        return false;
    l->line[l->len++] = '\n';
    return l->have = true;
}

static bool next_line(struct log *l)
{
    if (l->f == NULL && !open_oldest(l))
        return false;
    while (!read_some(l)) {
        struct stat st;
        int number = number_of(l);
        if (number == 0 && fstat(fileno(l->f), &st) == 0 && st.st_size < ftell(l->f))
            rewind(l->f);       /* cut off by hand */
        else if (number == 0)
            return false;
        else if (read_some(l) || end_line(l))
            return true;        /* written before it was renamed: its writer has closed it */
        else if (!(number < 0 ? open_oldest(l) : open_number(l, number - 1)))
            return false;       /* its successor is not there yet */
    }
    return true;
}

/* Lines begin with {"ts":"...": the text's order is the time's order. */
static void merge(struct log *logs)
{
    for (;;) {
        struct log *first = NULL;
        for (struct log *l = logs; l < logs + LOGS_MAX && l->name[0] != '\0'; l++)
            if ((l->have || next_line(l)) && (first == NULL || strncmp(l->line, first->line, 32) < 0))
                first = l;
        if (first == NULL || fwrite(first->line, 1, first->len, stdout) != first->len)
            return;
        first->have = false;
        first->len = 0;
    }
}

static void note_name(struct log *logs, const char *file, const char *only)
{
    char name[sizeof logs->name];
    const char *end = strstr(file, ".log");
    size_t n = end != NULL ? (size_t)(end - file) : 0;
    if (n == 0 || n >= sizeof name)
        return;
    memcpy(name, file, n);
    name[n] = '\0';
    /* Not in our form: only when asked for. */
    if (*only ? strcmp(name, only) != 0 : strcmp(name, "redis") == 0 || strcmp(name, "supervisord") == 0)
        return;
    for (struct log *l = logs; l < logs + LOGS_MAX; l++) {
        if (strcmp(l->name, name) == 0)
            return;
        if (l->name[0] == '\0') {
            TEXT_COPY(l->name, name);
            return;
        }
    }
}

/* Processes may begin to log later. */
static void find(struct log *logs, const char *only)
{
    DIR *d = opendir("log");
    struct dirent *e;
    while (d != NULL && (e = readdir(d)) != NULL)
        note_name(logs, e->d_name, only);
    if (d != NULL)
        closedir(d);
}

int verb_logs(struct cli *c, int argc, char **argv)
{
    static struct log logs[LOGS_MAX];
    const struct timespec pause = {.tv_nsec = 100000000};
    bool follow = cli_flag(&argc, argv, "-f");
    const char *only = argc > 1 ? argv[1] : "";
    if (argc > 2 || *only == '-')
        return cli_unknown("logs", argv[argc - 1]);
    int rc = cli_enter(c);
    if (rc != EXIT_OK)
        return rc;
    find(logs, only);
    if (logs[0].name[0] == '\0') {
        fprintf(stderr, "enigma logs: there is no log of %s%.40s in %s/log\n", *only ? "" : "anybody", only, c->instance);
        return EXIT_FAILED;
    }
    merge(logs);
    for (struct log *l = logs; !follow && l < logs + LOGS_MAX && l->name[0] != '\0'; l++)
        if (end_line(l))
            fwrite(l->line, 1, l->len, stdout);
    while (follow && fflush(stdout) == 0 && !ferror(stdout)) {
        nanosleep(&pause, NULL);
        find(logs, only);
        merge(logs);
    }
    return EXIT_OK;
}
