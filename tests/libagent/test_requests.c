#include <string.h>

#include "libagent/requests.h"
#include "proto/err.h"
#include "proto/uuid.h"
#include "tests/runner.h"

static struct requests *r;

static struct question *ask(char id[37])
{
    struct question *q = requests_ask(r);
    ck_assert_ptr_nonnull(q);
    uuid_make(id);
    memcpy(q->id, id, 37);
    q->parcel.body = (uint8_t *)strdup("question");
    q->parcel.len = 8;
    return q;
}

START_TEST(an_answer_finds_its_question_by_id_and_only_while_it_is_open)
{
    r = requests_new();
    char one[37], two[37], none[37];
    struct question *first = ask(one), *second = ask(two);
    uuid_make(none);
    ck_assert_ptr_eq(requests_find(r, two), second);
    ck_assert_ptr_eq(requests_find(r, one), first);
    ck_assert_ptr_null(requests_find(r, none));
    requests_close(r, first);
    ck_assert_ptr_null(requests_find(r, one));              /* the late answer */
    ck_assert_ptr_eq(requests_find(r, two), second);
    ck_assert_uint_eq(r->n_open, 1);
    requests_destroy(&r);
    ck_assert_ptr_null(r);
}
END_TEST

START_TEST(an_answer_without_an_id_finds_nothing)
{
    r = requests_new();
    char id[37];
    ck_assert_ptr_null(requests_find(r, ""));               /* free slots have no id either */
    ask(id);
    ck_assert_ptr_null(requests_find(r, ""));
    requests_destroy(&r);
}
END_TEST

START_TEST(takes_as_many_questions_as_its_bound_and_slots_come_back_clean)
{
    r = requests_new();
    char id[REQUESTS_MAX][37];
    for (int i = 0; i < REQUESTS_MAX; i++)
        ask(id[i])->deadline_ns = 7;
    ck_assert_uint_eq(r->n_open, REQUESTS_MAX);
    ck_assert_ptr_null(requests_ask(r));
    ck_assert_uint_eq(r->n_open, REQUESTS_MAX);
    requests_close(r, requests_find(r, id[100]));
    struct question *q = requests_ask(r);
    ck_assert_ptr_nonnull(q);
    ck_assert_ptr_null(q->parcel.body);
    ck_assert_int_eq(q->deadline_ns, 0);
    ck_assert_str_eq(q->id, "");
    requests_destroy(&r);
}
END_TEST

START_TEST(a_request_is_new_once_then_under_way_then_answered_from_memory)
{
    r = requests_new();
    char id[37];
    uuid_make(id);
    ck_assert_ptr_null(requests_seen(r, id));
    const struct parcel *p = requests_seen(r, id);
    ck_assert_ptr_nonnull(p);
    ck_assert_str_eq(p->topic, "");                         /* being worked on: nothing to send yet */
    char body[] = "answer";
    requests_answered(r, id, "agent.risk.x", 55, body, sizeof body);
    body[0] = 'X';                                          /* a copy is kept */
    p = requests_seen(r, id);
    ck_assert_str_eq(p->topic, "agent.risk.x");
    ck_assert_int_eq(p->sent_ns, 55);
    ck_assert_uint_eq(p->len, sizeof body);
    ck_assert_str_eq((const char *)p->body, "answer");
    requests_answered(r, id, "agent.risk.y", 66, "other", 6);   /* the first answer stays */
    ck_assert_str_eq((const char *)requests_seen(r, id)->body, "answer");
    requests_destroy(&r);
}
END_TEST

START_TEST(forgets_the_oldest_answers_and_an_answer_to_what_is_forgotten_goes_nowhere)
{
    r = requests_new();
    char id[ANSWERED_KEPT + 1][37];
    for (int i = 0; i < ANSWERED_KEPT; i++) {
        uuid_make(id[i]);
        ck_assert_ptr_null(requests_seen(r, id[i]));
        if (i != 0)
            requests_answered(r, id[i], "agent.risk.x", i, "a", 2);
    }
    for (int i = 0; i < ANSWERED_KEPT; i++)
        ck_assert_ptr_nonnull(requests_seen(r, id[i]));
    uuid_make(id[ANSWERED_KEPT]);
    ck_assert_ptr_null(requests_seen(r, id[ANSWERED_KEPT]));    /* takes the place of the first */
    requests_answered(r, id[0], "agent.risk.x", 0, "late", 5);
    ck_assert_str_eq(requests_seen(r, id[ANSWERED_KEPT])->topic, "");
    ck_assert_int_eq(requests_seen(r, id[1])->sent_ns, 1);
    ck_assert_ptr_null(requests_seen(r, id[0]));
    requests_destroy(&r);
}
END_TEST

TESTS("requests", an_answer_finds_its_question_by_id_and_only_while_it_is_open,
      an_answer_without_an_id_finds_nothing, takes_as_many_questions_as_its_bound_and_slots_come_back_clean,
      a_request_is_new_once_then_under_way_then_answered_from_memory,
      forgets_the_oldest_answers_and_an_answer_to_what_is_forgotten_goes_nowhere)
