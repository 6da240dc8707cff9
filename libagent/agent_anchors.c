/* agent_anchors - the journals of the others, and what the others know of ours (agent_impl.h, anchors.h).
 *
 * Invariants:
 *  A1  only what is on disk is told: no crash takes it back, so whoever lacks it was cut;
 *  A2  an agent tells its own anchor only when it has heard what the others remember and it agrees: until
 *      then theirs are the only witnesses, and they keep what they have;
 *  A3  who was cut does not become ready, so that nothing is entered, until the operator accepts the loss.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "libagent/log.h"
#include "proto/err.h"
#include "proto/text.h"

#include "libagent/agent_impl.h"

static void accept_path(const struct agent *a, char path[64])
{
    snprintf(path, 64, "etc/accept-journal-%s", a->name);
}

void agent_anchors_start(struct agent *a)
{
    char path[64];
    accept_path(a, path);
    a->journal_accepted = access(path, F_OK) == 0;
    if (a->journal_accepted)
        log_warn("journal.accepted", LOG_S("file", path), LOG_S("action", "the others forget what they knew of it"));
}

static bool sure(const struct agent *a)
{
    return !a->rolled_back && a->echo && (a->life == LIFE_READY || a->life == LIFE_ACTIVE) &&
           a->mono_ns - a->echo_ns > agent_scaled_ms(a, ANCHOR_SURE_MS) * 1000000;
}

void agent_anchors_say(struct agent *a, struct msg_agent_hb *m)
{
    m->accepted = a->journal_accepted;
    for (int i = 0; i < AGENTS; i++)
        if (i != (int)a->def->id && a->anchors[i].stream != 0)
            anchor_write(&a->anchors[i], party_name((enum party)i), &m->anchors[m->anchors_n++]);
    if (!sure(a))
        return;
    struct anchor own = {.stream = journal_stream(a->journal), .epoch = journal_epoch(a->journal)};
    own.lsn = journal_synced(a->journal, own.head);
    anchor_write(&own, a->name, &m->anchors[m->anchors_n++]);
    if (a->journal_accepted && !a->acceptance_said) {
        char path[64];
        accept_path(a, path);
        unlink(path);                   /* holds for this process; the next one is judged again */
        a->acceptance_said = true;
    }
}

/* Another's own anchor is remembered, unless its journal cannot be the one we knew. */
static void remember(struct agent *a, enum party from, const struct anchor *now, bool accepted)
{
    struct anchor *was = &a->anchors[from];
    const char *wrong = accepted ? NULL : anchor_follows(was, now);
    if (wrong != NULL) {
        char text[96];
        snprintf(text, sizeof text, "the journal of %s is not the one known: %s", party_name(from), wrong);
        agent_degraded(a, SEVERITY_CRITICAL, "journal", party_name(from), text);
        return;
    }
    agent_degraded_clear(a, "journal", party_name(from));
    *was = *now;
}

/* What is wrong with our journal if another remembers this of it; NULL: nothing. */
static const char *judge(struct agent *a, const struct anchor *known)
{
    uint8_t head[JOURNAL_HASH_SIZE];
    if (known->stream != journal_stream(a->journal))
        return "it is another journal";
    int err = journal_hash(a->journal, known->lsn, head);
    if (err == ERR_NOT_FOUND)
        return NULL;                    /* trimmed: everybody had applied it */
    if (err == ERR_EMPTY)
        return "records at its end are missing";
    if (err < 0)
        return "a record cannot be read";
    return memcmp(head, known->head, sizeof head) == 0 ? NULL : "its records are other ones";
}

static void compare(struct agent *a, enum party from, uint32_t epoch, const struct anchor *known)
{
    if (a->journal_accepted || a->rolled_back || a->peers[from].compared == epoch)
        return;
    a->peers[from].compared = epoch;    /* what it learns from now on it learns from us */
    const char *wrong = judge(a, known);
    if (wrong == NULL)
        return;
    char text[96], mend[200];
    a->rolled_back = true;
    snprintf(text, sizeof text, "JOURNAL_ROLLED_BACK: %s; %s knows its record %llu", wrong, party_name(from),
             (unsigned long long)known->lsn);
    snprintf(mend, sizeof mend, "in the instance's directory put the right journal/%s back, or accept the loss: "
             "touch etc/accept-journal-%s; then restart %s", a->name, a->name, a->name);
    log_error("journal.rolled_back", LOG_S("why", text), LOG_I("last_lsn", journal_head(a->journal, NULL)),
              LOG_S("mend", mend), LOG_S("action", "not ready until then: nothing is entered"));
    agent_degraded(a, SEVERITY_CRITICAL, "journal", "ROLLED_BACK", text);
    if (a->def->id == AGENT_ORCHESTRATOR)
        agent_fail(a, text);            /* it waits for nobody's word to be ready */
    else
        agent_not_ready(a, text);
}

void agent_anchors_hear(struct agent *a, const struct event *e)
{
    const struct msg_agent_hb *hb = e->msg;
    struct anchor anchor;
    if ((int)e->from >= AGENTS)
        return;
    for (size_t i = 0; i < hb->anchors_n; i++) {
        const struct sub_anchor *s = &hb->anchors[i];
        if (anchor_read(s, &anchor) < 0)
            continue;
        if (strcmp(s->name, a->name) == 0)
            compare(a, e->from, e->header->epoch, &anchor);
        else if (strcmp(s->name, party_name(e->from)) == 0)
            remember(a, e->from, &anchor, hb->accepted);
    }
    if (a->peers[e->from].beat_epoch != e->header->epoch) {
        a->peers[e->from].beat_epoch = e->header->epoch;
        agent_heartbeat(a);             /* it just started: it shall know at once what is known of it */
    }
}

void agent_anchors_keep(struct agent *a)
{
    if (a->mono_ns - a->anchors_kept_ns < agent_scaled_ms(a, ANCHOR_KEEP_MS) * 1000000)
        return;
    a->anchors_kept_ns = a->mono_ns;
    for (int i = 0; i < AGENTS; i++) {
        const struct anchor *n = &a->anchors[i];
        if (n->lsn == a->anchors_kept[i])
            continue;
        turn_anchor(&a->turn, (uint8_t)i, n->stream, n->epoch, n->lsn, n->head);
        a->anchors_kept[i] = n->lsn;
        a->unsynced = true;
    }
}

/* From the journal, and into its snapshots. */
void agent_anchors_load(struct agent *a, const struct turn_entry *e)
{
    if (e->publisher >= AGENTS)
        return;
    struct anchor *n = &a->anchors[e->publisher];
    *n = (struct anchor){.stream = e->stream, .epoch = e->epoch, .lsn = e->seq};
    memcpy(n->head, e->data, sizeof n->head);
    a->anchors_kept[e->publisher] = n->lsn;
}

void agent_anchors_save(const struct agent *a, struct turn *t)
{
    for (int i = 0; i < AGENTS; i++) {
        const struct anchor *n = &a->anchors[i];
        if (n->stream != 0)
            turn_anchor(t, (uint8_t)i, n->stream, n->epoch, n->lsn, n->head);
    }
}
