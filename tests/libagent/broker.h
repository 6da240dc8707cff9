/* broker - a bus for tests: an instance in a temporary directory, and a forwarder of the event and the market
 * pair in a thread, with the instance's certificates and without anybody's rights.
 */
#ifndef TESTS_LIBAGENT_BROKER_H
#define TESTS_LIBAGENT_BROKER_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <czmq.h>

#include "libagent/bus.h"
#include "libagent/certs.h"
#include "proto/err.h"

static char instance_dir[64];

static inline void instance_clean(void)
{
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", instance_dir);
    if (chdir("/") != 0 || system(command) != 0)
        _exit(1);
}

/* Make an instance and enter it; gone when the process ends. */
static inline void instance_enter(void)
{
    char why[CERTS_WHY_MAX];
    strcpy(instance_dir, "/tmp/enigma-test.XXXXXX");
    must(mkdtemp(instance_dir) != NULL && chdir(instance_dir) == 0);
    atexit(instance_clean);
    must(mkdir("sock", 0700) == 0 && mkdir("journal", 0700) == 0);
    must(mkdir("etc", 0700) == 0 && mkdir(CERTS_DIR, 0700) == 0);
    must(certs_make(CERTS_DIR, why) == AGENT_COUNT);
}

/* One pair of the broker.  wrong: its sockets want no certificates, so that every handshake fails. */
struct forwarder {
    const char *pub, *sub;
    bool wrong_pub, wrong_sub;
    zactor_t *actor;
};

static inline zsock_t *forwarder_bind(int type, const char *endpoint, bool wrong)
{
    char why[CERTS_WHY_MAX];
    zsock_t *s = zsock_new(type);
    zcert_t *cert = NULL;
    must(s != NULL && certs_load(CERTS_DIR, "broker", &cert, why) == ERR_OK);
    zsock_set_linger(s, 0);
    if (!wrong) {
        zcert_apply(cert, s);
        zsock_set_curve_server(s, 1);
    }
    zcert_destroy(&cert);
    must(zsock_bind(s, "%s", endpoint) == 0);
    return s;
}

static inline void forwarder_run(zsock_t *pipe, void *args)
{
    const struct forwarder *f = args;
    zsock_t *in = forwarder_bind(ZMQ_XSUB, f->pub, f->wrong_pub);
    zsock_t *out = forwarder_bind(ZMQ_XPUB, f->sub, f->wrong_sub);
    zpoller_t *poller = zpoller_new(pipe, in, out, NULL);
    zsock_signal(pipe, 0);
    for (void *from; (from = zpoller_wait(poller, -1)) == in || from == out;) {
        zmsg_t *m = zmsg_recv(from);
        zmsg_send(&m, from == in ? out : in);
    }
    zpoller_destroy(&poller);
    zsock_destroy(&in);
    zsock_destroy(&out);
}

static inline void forwarder_start(struct forwarder *f, enum bus_pair pair)
{
    f->pub = pair == BUS_EVENT ? "ipc://sock/event.pub" : "ipc://sock/market.pub";
    f->sub = pair == BUS_EVENT ? "ipc://sock/event.sub" : "ipc://sock/market.sub";
    f->actor = zactor_new(forwarder_run, f);
    must(f->actor != NULL);
}

static inline void forwarder_stop(struct forwarder *f)
{
    zactor_destroy(&f->actor);
}

#endif
