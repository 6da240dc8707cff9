/* ledger - see ledger.h */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/text.h"

#include "agents/audit/ledger.h"

void ledger_fini(struct ledger *l)
{
    free(l->entries);
    *l = (struct ledger){.entries = NULL};
}

static struct ledger_entry *next(struct ledger *l)
{
    if (l->n == LEDGER_MAX) {
        memmove(l->entries, l->entries + LEDGER_MAX / 2, LEDGER_MAX / 2 * sizeof *l->entries);
        l->n = LEDGER_MAX / 2;
    }
    if (l->n == l->size) {
        l->size = l->size == 0 ? 256 : 2 * l->size;
        l->entries = realloc(l->entries, l->size * sizeof *l->entries);
        must(l->entries != NULL);
    }
    struct ledger_entry *e = &l->entries[l->n++];
    *e = (struct ledger_entry){.said_ns = 0};
    return e;
}

static struct sub_position *position(struct ledger *l, const char *symbol)
{
    struct sub_position *unused = NULL;
    for (int i = 0; i < LEDGER_POSITIONS; i++) {
        if (strcmp(l->open[i].symbol, symbol) == 0)
            return &l->open[i];
        if (l->open[i].symbol[0] == '\0' && unused == NULL)
            unused = &l->open[i];
    }
    return unused;
}

static void set_position(struct ledger *l, const struct sub_position *p, bool open)
{
    struct sub_position *q = position(l, p->symbol);
    if (q == NULL)
        return;
    if (open)
        *q = *p;
    else if (q->symbol[0] != '\0')
        *q = (struct sub_position){.symbol = ""};
}

void ledger_add(struct ledger *l, enum msg type, const void *msg, int64_t said_ns)
{
    struct ledger_entry *e = NULL;
    const struct sub_position *closed;
    const struct msg_operator_command *said;
    switch (type) {
    case MSG_SIGNAL_GENERATED:
    case MSG_RISK_APPROVED:
    case MSG_ORDER_PLACED:
    case MSG_ORDER_FILLED:
        e = next(l);
        break;
    case MSG_RISK_REJECTED:
        e = next(l);
        TEXT_COPY(e->reason, ((const struct msg_risk_rejected *)msg)->reason);
        break;
    case MSG_POSITION_OPENED:
        e = next(l);
        set_position(l, &((const struct msg_position_opened *)msg)->position, true);
        break;
    case MSG_POSITION_CLOSED:
        closed = &((const struct msg_position_closed *)msg)->position;
        e = next(l);
        e->net = closed->net_pnl;
        e->fees = closed->fees;
        l->trades[l->trades_n++ % LEDGER_TRADES] = *closed;
        l->losses = dec_sign(closed->net_pnl) > 0 ? 0 : l->losses + 1;
        set_position(l, closed, false);
        break;
    case MSG_OPERATOR_COMMAND:
        said = msg;
        if (said->verb == VERB_RESUME && *said->symbol == '\0' && *said->strategy == '\0')
            l->losses = 0;      /* as risk counts them; else nobody could ever resume after too many */
        break;
    case MSG_ACCOUNT_UPDATED:
        l->account = *(const struct msg_account_updated *)msg;
        l->account_known = true;
        break;
    default:
        break;
    }
    if (e != NULL) {
        e->type = (int32_t)type;
        e->said_ns = said_ns;
    }
}

void ledger_broken(struct ledger *l, int64_t at_ns)
{
    struct ledger_entry *e = next(l);
    e->type = LEDGER_BROKEN;
    e->said_ns = at_ns;
}

static void count_reason(struct msg_summary *s, const char *reason)
{
    size_t i = 0, most = sizeof s->rejections / sizeof s->rejections[0];
    while (i < s->rejections_n && strcmp(s->rejections[i].name, reason) != 0)
        i++;
    if (i == most)
        return;
    if (i == s->rejections_n) {
        s->rejections_n++;
        s->rejections[i] = (struct sub_counter){.count = 0};
        TEXT_COPY(s->rejections[i].name, reason);
    }
    s->rejections[i].count++;
}

void ledger_sum(const struct ledger *l, int64_t since_ns, struct msg_summary *ret)
{
    *ret = (struct msg_summary){.net_pnl = dec_zero(), .fees = dec_zero()};
    for (size_t i = 0; i < l->n; i++) {
        const struct ledger_entry *e = &l->entries[i];
        if (e->said_ns < since_ns)
            continue;
        switch (e->type) {
        case MSG_SIGNAL_GENERATED:
            ret->signals++;
            break;
        case MSG_RISK_APPROVED:
            ret->approved++;
            break;
        case MSG_RISK_REJECTED:
            count_reason(ret, e->reason);
            break;
        case MSG_ORDER_PLACED:
            ret->orders_placed++;
            break;
        case MSG_ORDER_FILLED:
            ret->fills++;
            break;
        case MSG_POSITION_OPENED:
            ret->positions_opened++;
            break;
        case LEDGER_BROKEN:
            ret->invariants_broken++;
            break;
        case MSG_POSITION_CLOSED:
            ret->positions_closed++;
            ret->wins += dec_sign(e->net) > 0;
            ret->net_pnl = dec_add(ret->net_pnl, e->net);
            ret->fees = dec_add(ret->fees, e->fees);
            break;
        default:
            break;
        }
    }
}

void ledger_trades(const struct ledger *l, const char *after, int64_t max, struct msg_trades *ret)
{
    const int64_t room = sizeof ret->trades / sizeof ret->trades[0];
    size_t kept = l->trades_n < LEDGER_TRADES ? l->trades_n : LEDGER_TRADES;
    bool found = after[0] == '\0';
    ret->trades_n = 0;
    for (size_t i = 1; i <= kept && (int64_t)ret->trades_n < (max < room ? max : room); i++) {
        const struct sub_position *p = &l->trades[(l->trades_n - i) % LEDGER_TRADES];
        if (found)
            ret->trades[ret->trades_n++] = *p;
        found = found || strcmp(p->signal_id, after) == 0;
    }
}

size_t ledger_open(const struct ledger *l)
{
    size_t n = 0;
    for (int i = 0; i < LEDGER_POSITIONS; i++)
        n += l->open[i].symbol[0] != '\0';
    return n;
}
