/* client - a command on the bus: listens for a while, asks one question at a time.
 *
 * Opened in the instance's directory, as operator or guest.  The bus has no answer for somebody whose
 * subscription it does not know yet: a question leaves when the first heartbeat has come, and is
 * repeated under the same id until it is answered.
 * Memory:  the client keeps the newest state.unified, heartbeat of each, and broker.stats.
 * Threads: one.
 */
#ifndef DEPLOY_CLI_CLIENT_H
#define DEPLOY_CLI_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "libagent/loop.h"
#include "proto/envelope.h"
#include "proto/messages.h"

struct client;

struct client_view {
    struct msg_state_unified state;
    int64_t state_ns;           /* wall, when it came; 0: not yet */
    struct msg_agent_hb hb[AGENT_COUNT];
    int64_t hb_ns[AGENT_COUNT];
    struct msg_broker_stats bus;
    int64_t bus_ns;
};

/* ERR_...; why is for people. */
int  client_open(const char *name, struct client **ret, char why[256]);
void client_close(struct client **c);
struct client_view *client_view(struct client *c);
struct loop *client_loop(struct client *c);
/* Run until done(arg) or ms are over; true when done.  done NULL: the whole time. */
bool client_wait(struct client *c, int64_t ms, bool (*done)(void *arg), void *arg);
/* The answer's message is copied to *answer (room for `type`).  ERR_TIMEOUT; ERR_TYPE for another
 * message, with its text in why when it was an error.reply. */
int  client_ask(struct client *c, enum party to, enum msg ask, const void *msg, enum msg type,
                void *answer, int64_t ms, char why[256]);
bool client_heard_any(void *client);

#endif
