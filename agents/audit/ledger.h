/* ledger - what the archive says about money and decisions, message by message.
 *
 * One short entry per message that counts; sums are taken from an instant on, so that a run's figures
 * are of that run.  Pure: fed with decoded messages and the instant each was said (wall ns).
 * The last LEDGER_TRADES closed positions are kept whole, for who asks for them.
 * Memory: grows by 64 bytes an entry; at LEDGER_MAX the oldest half is folded away (sums from an instant
 *         before that are then too small; the archive still has everything).
 */
#ifndef AGENTS_AUDIT_LEDGER_H
#define AGENTS_AUDIT_LEDGER_H

#include <stddef.h>
#include <stdint.h>

#include "proto/messages.h"

#define LEDGER_MAX       200000
#define LEDGER_POSITIONS 16
#define LEDGER_BROKEN    (-1)
#define LEDGER_TRADES    512

struct ledger_entry {
    int64_t said_ns;
    int32_t type;               /* enum msg; LEDGER_BROKEN: an invariant ceased to hold */
    char reason[20];            /* of a rejection */
    dec_t net, fees;            /* of a closed position */
};

struct ledger {
    struct ledger_entry *entries;
    size_t n, size;
    struct sub_position open[LEDGER_POSITIONS];     /* symbol empty: free */
    struct sub_position trades[LEDGER_TRADES];      /* closed; a ring */
    size_t trades_n;            /* put into it so far */
    struct msg_account_updated account;
    bool account_known;
    int64_t losses;             /* in a row, net of costs */
};

void ledger_fini(struct ledger *l);
void ledger_add(struct ledger *l, enum msg type, const void *msg, int64_t said_ns);
void ledger_broken(struct ledger *l, int64_t at_ns);    /* an invariant ceased to hold */
void ledger_sum(const struct ledger *l, int64_t since_ns, struct msg_summary *ret);
/* Closed positions, newest first: those after the one of signal id `after` ("": from the newest). */
void ledger_trades(const struct ledger *l, const char *after, int64_t max, struct msg_trades *ret);
size_t ledger_open(const struct ledger *l);

#endif
