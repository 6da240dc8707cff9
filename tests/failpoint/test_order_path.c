/* Every failpoint x every outcome of every kind of request, over a whole trade, against the exchange's own truth:
 * 0 orders lost, 0 doubled, 0 unapproved, 0 fills lost or folded twice, 0 positions without a stop.
 *
 * A case runs in a child of its own, from the same state: execution ready to trade, nothing open.  FAILPOINT_ALL=1
 * runs all of them, otherwise a sample that holds each failpoint and each outcome.
 */
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TEST_TIMEOUT 3600
#include "tests/failpoint/stage.h"
#include "tests/runner.h"

#define PASSES_MOST 8           /* of one failpoint */
/* After somebody cancelled the stop: three tries, then it is closed; what is not told for so long comes on top. */
#define BARE_MOST(times) ((15 + 6 * (times)) * NS_PER_S)

struct verdict {
    int lost, doubled, unapproved, fills, bare, stuck;
    bool died;
    int passes[FAILPOINT_COUNT];
    int64_t requests[KIND_COUNT];
};
static struct verdict *verdict;     /* shared with the child */

/* ---- the story of a case ---- */

static void wait_long(void) { stage_pass_ms(16000); }
static void wait_short(void) { stage_pass_ms(4000); }
static void rise(void) { stage_pass_ms(2000); }

static void close_it(void)
{
    const struct msg_operator_command m = {.verb = VERB_CLOSE};
    fake_tell(st.a, exec_on_command, AGENT_ORCHESTRATOR, MSG_OPERATOR_COMMAND, &m);
    stage_commit();
}

static void flatten(void)
{
    const struct msg_operator_command m = {.verb = VERB_FLATTEN};
    fake_tell(st.a, exec_on_command, AGENT_ORCHESTRATOR, MSG_OPERATOR_COMMAND, &m);
    stage_pass_ms(30000);
}

static void tell(void)
{
    st.plan.by_hand = st.plan.by_hand && exchange_by_hand("DELETE", "/api/v1/stopOrders?symbol=" EXCHANGE_SYMBOL, "");
    stage_settle();
}

/* ---- the exchange's truth ---- */

static const struct sub_order *told_of(enum msg type, const char *oid)
{
    const struct msg_order_placed *m;
    for (size_t i = 0; (m = fake_heard(st.a, type, i)) != NULL; i++)
        if (strcmp(m->order.cl_ord_id, oid) == 0)
            return &m->order;
    return NULL;
}

static void judge_approval(const struct msg_risk_approved *m)
{
    struct exchange_order o;
    int n = 0;
    for (size_t i = 0; i < exchange_orders(); i++) {
        exchange_order_at(i, &o);
        n += strcmp(o.oid, m->cl_ord_id) == 0;
    }
    verdict->doubled += n > 1;
    const struct exec_order *b = books_order(&st.x->books, m->cl_ord_id);
    bool placed = told_of(MSG_ORDER_PLACED, m->cl_ord_id) != NULL || told_of(MSG_ORDER_FILLED, m->cl_ord_id) != NULL;
    bool rejected = told_of(MSG_ORDER_REJECTED, m->cl_ord_id) != NULL;
    verdict->lost += b == NULL || (n > 0 ? !placed || rejected : placed || !rejected);
}

static void judge_orders(void)
{
    for (size_t i = 0; i < exchange_orders(); i++) {
        struct exchange_order o;
        bool approved = false;
        exchange_order_at(i, &o);
        verdict->stuck += o.active;
        for (int k = 0; k < st.n_approvals; k++) {
            const struct msg_risk_approved *m = &st.approvals[k];
            approved |= strcmp(o.oid, m->cl_ord_id) == 0 && o.bought == (m->side == SIDE_BUY) && o.lots == m->qty &&
                        o.leverage == m->leverage && dec_eq(o.price, m->price);
        }
        verdict->unapproved += !approved && !o.closes;
        for (size_t k = 0; k < i; k++) {
            struct exchange_order other;
            exchange_order_at(k, &other);
            verdict->doubled += o.oid[0] != '\0' && strcmp(o.oid, other.oid) == 0 && o.closes;
        }
    }
}

static void judge_fills(void)
{
    const struct msg_order_filled *m;
    int64_t held = 0;
    for (size_t i = 0; i < exchange_fills(); i++) {
        struct exchange_fill f;
        char id[32];
        int n = 0;
        exchange_fill_at(i, &f);
        snprintf(id, sizeof id, "%lld", (long long)f.trade_id);
        for (size_t k = 0; (m = fake_heard(st.a, MSG_ORDER_FILLED, k)) != NULL; k++)
            n += strcmp(m->exec_id, id) == 0 && m->last_qty == f.lots;
        verdict->fills += n != 1;
    }
    for (size_t k = 0; (m = fake_heard(st.a, MSG_ORDER_FILLED, k)) != NULL; k++)
        held += m->order.side == SIDE_BUY ? m->last_qty : -m->last_qty;
    verdict->fills += fake_count(st.a, MSG_ORDER_FILLED) != exchange_fills() || held != 0;
    verdict->fills += fake_count(st.a, MSG_POSITION_OPENED) != fake_count(st.a, MSG_POSITION_CLOSED);
}

static void judge(void)
{
    for (int i = 0; i < st.n_approvals; i++)
        judge_approval(&st.approvals[i]);
    judge_orders();
    judge_fills();
    verdict->bare += st.bare_most_ns > (st.hand ? BARE_MOST(st.faults) : 0);
    verdict->stuck += exchange_position() != 0 || books_trade(&st.x->books, EXCHANGE_SYMBOL) != NULL;
    for (int i = 0; i < BOOKS_ORDERS; i++)
        verdict->stuck += order_live(&st.x->books.orders[i]);
    verdict->died = st.life > 1;
    memcpy(verdict->requests, st.requests, sizeof st.requests);
}

static void run_case(const struct plan *plan)
{
    st.plan = *plan;
    st.hand = plan->by_hand;
    st.faults = plan->times;
    memset(st.passes, 0, sizeof st.passes);
    memset(st.requests, 0, sizeof st.requests);
    stage_do(stage_approve);
    stage_do(wait_short);
    stage_do(tell);
    stage_do(wait_long);
    stage_do(rise);
    stage_do(close_it);
    stage_do(wait_long);
    st.plan.pass = st.plan.times = 0;   /* faults are over: what began must end */
    stage_do(flatten);
    stage_do(flatten);
    judge();
}

/* ---- all cases ---- */

/* FAILPOINT_ONE="AT PASS HOW KIND OUTCOME TIMES HAND", numbers: one case alone, its log on stderr. */
static bool one_case(struct plan *p)
{
    int at, how, kind, out, hand;
    const char *text = getenv("FAILPOINT_ONE");
    if (text == NULL || sscanf(text, "%d %d %d %d %d %d %d", &at, &p->pass, &how, &kind, &out, &p->times, &hand) != 7)
        return false;
    p->at = (enum failpoint)at;
    p->power = how == 1;
    p->twice = how == 2;
    p->kind = (enum kind)kind;
    p->outcome = (enum outcome)out;
    p->by_hand = hand;
    return true;
}

static bool fork_case(const struct plan *p)
{
    *verdict = (struct verdict){.lost = 0};
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        run_case(p);
        _exit(0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    const struct verdict *v = verdict;
    bool ok = status == 0 && v->lost + v->doubled + v->unapproved + v->fills + v->bare + v->stuck == 0;
    if (!ok)
        printf("WRONG at %s:%d%s%s, %s %s x%d%s (FAILPOINT_ONE=\"%d %d %d %d %d %d %d\"): exit %d, lost %d doubled %d unapproved %d fills %d bare %d stuck %d\n",
               p->pass > 0 ? failpoint_names[p->at] : "-", p->pass, p->power ? " power" : "", p->twice ? " twice" : "",
               kind_names[p->kind], outcome_names[p->outcome], p->times, p->by_hand ? " by hand" : "",
               p->at, p->pass, p->power ? 1 : p->twice ? 2 : 0, p->kind, p->outcome, p->times, p->by_hand, status, v->lost,
               v->doubled, v->unapproved, v->fills, v->bare, v->stuck);
    return ok;
}

static int cases, wrong, deaths, seen[FAILPOINT_COUNT];

static void try(struct plan p)
{
    cases++;
    wrong += !fork_case(&p);
    deaths += verdict->died;
    seen[p.at] += verdict->died;
}

/* how: 0 killed, 1 the power fails, 2 killed twice.  Passes that are not reached have none after them. */
static void try_failpoints(struct plan p, int how, bool whole)
{
    p.power = how == 1;
    p.twice = how == 2;
    for (int at = 0; at < FAILPOINT_COUNT; at++) {
        if (p.power && at != FAILPOINT_record_written)
            continue;
        p.at = (enum failpoint)at;
        verdict->died = true;
        for (p.pass = 1; p.pass <= (p.twice ? 2 : PASSES_MOST) && verdict->died; p.pass++)
            if (whole || (p.kind * 7 + p.outcome * 5 + at * 3 + p.pass) % 241 == 0 || (p.outcome == OUT_FINE && p.pass == 1))
                try(p);
    }
}

START_TEST(every_failpoint_and_every_outcome_leave_the_exchanges_truth)
{
    const char *all = getenv("FAILPOINT_ALL");
    bool whole = all != NULL && *all == '1';
    struct timespec t0, t1;
    clock_gettime(CLOCK_MONOTONIC, &t0);
    verdict = mmap(NULL, sizeof *verdict, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(verdict, MAP_FAILED);
    stage_open(false);
    struct plan one = {.pass = 0};
    if (one_case(&one)) {
        ck_assert(fork_case(&one));
        return;
    }
    for (int hand = 0; hand < 2; hand++)
        for (int kind = 0; kind < KIND_COUNT; kind++)
            for (int out = 0; out < OUT_COUNT; out++)
                for (int times = kind < KIND_QUERY ? 1 : 3; times <= 3; times += 2) {
                    struct plan p = {.kind = (enum kind)kind, .outcome = (enum outcome)out, .times = times,
                                     .by_hand = hand};
                    bool once = kind == KIND_ENTRY || kind == KIND_TARGET;
                    if ((out == OUT_FINE && (kind > 0 || times > 1)) || (once && out != OUT_FINE && (hand || times > 1)))
                        continue;               /* nothing that another one does not show */
                    try(p);
                    for (int how = 0; how < 3; how++)
                        try_failpoints(p, how, whole);
                }
    clock_gettime(CLOCK_MONOTONIC, &t1);
    for (int at = 0; at < FAILPOINT_COUNT; at++)
        if (seen[at] > 0)
            printf("%-16s %6d deaths\n", failpoint_names[at], seen[at]);
    printf("%d cases, %d deaths, %d wrong, %.0f s\n", cases, deaths, wrong,
           (double)(t1.tv_sec - t0.tv_sec) + (double)(t1.tv_nsec - t0.tv_nsec) / 1e9);
    fflush(stdout);
    ck_assert_int_eq(wrong, 0);
    ck_assert_int_gt(deaths, 0);
}
END_TEST

TESTS("order_path", every_failpoint_and_every_outcome_leave_the_exchanges_truth)
