/* instance - an instance's directory: what is in it, and the files the process manager needs.
 *
 * DIR/ lock etc/ journal/ log/ sock/ redis/ knowledge-bank/ [STOP] [state.json]
 * etc/enigma.conf is the operator's, made once and never overwritten; etc/supervisord.conf and
 * etc/redis.conf are made anew at each start; etc/instance.conf says what the market was made with.
 */
#ifndef DEPLOY_CLI_INSTANCE_H
#define DEPLOY_CLI_INSTANCE_H

#include <stdbool.h>

#define INSTANCE_TEXT 1024

/* Of what the programs keep in an instance: journals, snapshots, the exchange's state.  Raised with every
 * change of such a shape; an instance of another version is not started. */
#define INSTANCE_VERSION "2"

struct instance_options {
    bool live, dry_run, dev, fresh_if_changed, detach;
    double for_s;                       /* 0: until Ctrl-C */
    /* "" : not given; then the instance's, else the preset */
    char speed[32], seed[32], market[INSTANCE_TEXT], start[48], balance[48];
    char version[8];                    /* INSTANCE_VERSION after instance_resolve() */
};

/* Does etc/instance.conf of `dir` say something else than what was given, or than INSTANCE_VERSION?  what:
 * the name of one that differs, "version" before all others. */
bool instance_differs(const char *dir, const struct instance_options *o, char what[32]);
/* Fill what was not given from etc/instance.conf of `dir`, else from the preset. */
void instance_resolve(const char *dir, struct instance_options *o);

/* The directory itself, with those above it; who cannot make it learns so when it is opened. */
void instance_directory(const char *dir);
/* What is in it: directories, certificates, configuration; EXIT_... of cli.h.  The lock is held.  In the
 * directory afterwards. */
int  instance_make(const char *dir, const char *bin, const struct instance_options *o);

#endif
