/* audit - what the modules of this agent share.
 *
 * The archive is this agent's journal: each message heard is a note that holds its frames as they were on
 * the wire, written in one record with the cursor, so that it is there exactly once and in order, in a
 * hash chain.  Everything else here is rebuilt from it.
 */
#ifndef AGENTS_AUDIT_AUDIT_H
#define AGENTS_AUDIT_AUDIT_H

#include "agents/audit/ledger.h"
#include "libagent/agent.h"

#define NOTE_MESSAGE 1      /* u8 n, topic[n], header[40], body */
#define NOTE_BROKEN  2      /* i64: when an invariant ceased to hold, wall ns */

struct audit {
    struct ledger ledger;
    int64_t archived, heartbeats, invariants_broken;
    bool broken[16];            /* by index of the invariant: told once while it lasts */
    bool excused[16];           /* only a tighter limit breaks it: until it holds again */
    struct loop_timer *timer;
};

void audit_on_message(struct agent *a, const struct event *e);
void audit_on_heartbeat(struct agent *a, const struct event *e);
void audit_on_trades(struct agent *a, const struct event *e);
void audit_on_summary(struct agent *a, const struct event *e);
int  audit_init(struct agent *a, char why[CONFIG_WHY_MAX]);
int  audit_note(struct agent *a, uint16_t kind, const void *data, size_t len);
int  audit_load(struct agent *a, const void *data, size_t len);
void audit_save(struct agent *a, void **data, size_t *len);
void audit_configured(struct agent *a);
void audit_start(struct agent *a);
void audit_fini(struct agent *a);
size_t audit_counters(struct agent *a, struct sub_counter *ret, size_t max);

#endif
