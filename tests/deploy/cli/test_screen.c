/* What the operator sees: what is stale or unknown never looks live. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "deploy/cli/screen.h"
#include "libagent/clock.h"
#include "proto/text.h"
#include "proto/tm.h"

#include "tests/runner.h"

#include "tests/deploy/cli/capture.h"

#define AGENTS (AGENT_AUDIT + 1)

static struct client_view view;

static void all_active(void)
{
    int64_t now = wall_ns();
    memset(&view, 0, sizeof view);
    view.state.system_state = SYS_TRADING;
    view.state.portfolio_value = dec_lit("10000");
    view.state_ns = view.bus_ns = now;
    TEXT_COPY(view.state.reason, "all agents are ready");
    for (int i = 0; i < AGENTS; i++) {
        view.hb[i].life = LIFE_ACTIVE;
        view.hb[i].pid = 100 + i;
        view.hb_ns[i] = now;
    }
}

static const char *shown(void)
{
    capture_begin();
    screen_status(&view, false);
    return capture_end();
}

static json_t *shown_json(void)
{
    capture_begin();
    screen_status_json(&view);
    const char *text = capture_end();
    json_t *v = json_loads(text, 0, NULL);
    ck_assert_msg(v != NULL, "no JSON: %s", text);
    return v;
}

START_TEST(all_are_there_when_all_seven_are_ready_or_active)
{
    all_active();
    view.hb[AGENT_RISK].life = LIFE_READY;
    ck_assert(registry_all(&view));
    for (int i = 0; i < AGENTS; i++) {
        all_active();
        view.hb_ns[i] = 0;
        ck_assert(!registry_all(&view));
        all_active();
        view.hb[i].life = LIFE_WARMING;
        ck_assert(!registry_all(&view));
    }
}
END_TEST

START_TEST(fresh_figures_are_shown_without_marks)
{
    all_active();
    const char *text = shown();
    ck_says(text, "TRADING  (all agents are ready)");
    ck_says(text, "equity 10000.00");
    ck_says(text, "audit");
    ck_says_not(text, "STALE");
    ck_says_not(text, "\033");
}
END_TEST

START_TEST(old_figures_are_marked_stale)
{
    all_active();
    view.hb_ns[AGENT_RISK] -= 10 * NS_PER_S;
    ck_says(shown(), "s ago STALE");
    all_active();
    view.state_ns -= 60 * NS_PER_S;
    ck_says(shown(), "s ago  STALE");
    all_active();
    view.bus_ns -= 60 * NS_PER_S;
    ck_says(shown(), "refused  STALE");
}
END_TEST

START_TEST(what_was_never_heard_has_no_figures)
{
    memset(&view, 0, sizeof view);
    const char *text = shown();
    ck_says(text, "state unknown");
    ck_says(text, "bus: nothing heard");
    ck_says(text, "execution     not heard");
    ck_says_not(text, "equity");
    json_t *v = shown_json();
    ck_assert_str_eq(json_string_value(json_object_get(v, "state")), "UNKNOWN");
    ck_assert_double_eq(json_number_value(json_object_get(v, "age_s")), -1);
    ck_assert(json_is_null(json_object_get(json_object_get(v, "agents"), "execution")));
    json_decref(v);
}
END_TEST

START_TEST(json_has_each_agent_with_its_figures)
{
    all_active();
    json_t *v = shown_json();
    ck_assert_str_eq(json_string_value(json_object_get(v, "state")), "TRADING");
    ck_assert_uint_eq(json_object_size(json_object_get(v, "agents")), AGENTS);
    json_t *risk = json_object_get(json_object_get(v, "agents"), "risk");
    ck_assert_int_eq(json_integer_value(json_object_get(risk, "pid")), 100 + AGENT_RISK);
    ck_assert_str_eq(json_string_value(json_object_get(risk, "life")), "active");
    ck_assert_uint_eq(json_object_size(json_object_get(v, "failing")), 0);
    json_decref(v);
}
END_TEST

START_TEST(a_text_with_quotes_does_not_break_the_json)
{
    all_active();
    TEXT_COPY(view.hb[AGENT_DATA].detail, "\"quoted\" \\ and\nbroken");
    json_t *v = shown_json();
    json_t *data = json_object_get(json_object_get(v, "agents"), "data");
    ck_assert_str_eq(json_string_value(json_object_get(data, "detail")), "\"quoted\" \\ and\nbroken");
    json_decref(v);
}
END_TEST

START_TEST(a_program_that_ends_at_once_again_and_again_is_named)
{
    char home[] = "/tmp/enigma-screen.XXXXXX";
    ck_assert(mkdtemp(home) != NULL && chdir(home) == 0 && mkdir("sock", 0755) == 0);
    int64_t now_ms = mono_now().ns / NS_PER_MS;
    FILE *f = fopen("sock/bus.starts", "we");
    ck_assert(f != NULL && fprintf(f, "6 %lld\n", (long long)now_ms + 4000) > 0 && fclose(f) == 0);
    f = fopen("sock/risk.starts", "we");        /* long well again */
    ck_assert(f != NULL && fprintf(f, "6 %lld\n", (long long)now_ms - 60000) > 0 && fclose(f) == 0);
    f = fopen("sock/data.starts", "we");        /* once is nothing to tell */
    ck_assert(f != NULL && fprintf(f, "1 %lld\n", (long long)now_ms) > 0 && fclose(f) == 0);
    f = fopen("sock/paper.starts", "we");
    ck_assert(f != NULL && fputs("nonsense", f) >= 0 && fclose(f) == 0);
    all_active();
    const char *text = shown();
    ck_says(text, "bus ended at once 6 times in a row, next start in ");
    ck_says(text, "`enigma logs bus` says why");
    ck_says_not(text, "risk ended");
    ck_says_not(text, "data ended");
    ck_says_not(text, "paper ended");
    json_t *v = shown_json();
    ck_assert_uint_eq(json_object_size(json_object_get(v, "failing")), 1);
    json_decref(v);
    ck_assert(unlink("sock/bus.starts") == 0 && unlink("sock/risk.starts") == 0 && unlink("sock/data.starts") == 0 &&
              unlink("sock/paper.starts") == 0 && rmdir("sock") == 0 && chdir("/") == 0 && rmdir(home) == 0);
}
END_TEST

START_TEST(what_is_degraded_stands_under_its_agent_while_it_is_heard)
{
    all_active();
    struct msg_agent_hb *hb = &view.hb[AGENT_DATA];
    hb->degraded_n = 1;
    hb->degraded[0].severity = SEVERITY_HIGH;
    TEXT_COPY(hb->degraded[0].component, "exchange");
    TEXT_COPY(hb->degraded[0].code, "DOWN");
    TEXT_COPY(hb->degraded[0].text, "no answer");
    ck_says(shown(), "HIGH: exchange DOWN: no answer");
    json_t *v = shown_json(), *data = json_object_get(json_object_get(v, "agents"), "data");
    const json_t *d = json_array_get(json_object_get(data, "degraded"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(d, "code")), "DOWN");
    json_decref(v);
    view.hb_ns[AGENT_DATA] -= 10 * NS_PER_S;    /* nobody knows */
    ck_says_not(shown(), "exchange DOWN");
}
END_TEST

START_TEST(progress_says_each_change_once)
{
    struct progress p = {.shown = {0}};
    all_active();
    capture_begin();
    screen_progress(&view, &p);
    screen_progress(&view, &p);
    view.hb[AGENT_RISK].life = LIFE_DRAINING;
    screen_progress(&view, &p);
    const char *text = capture_end();
    int lines = 0;
    for (const char *s = text; *s != '\0'; s++)
        lines += *s == '\n';
    ck_assert_int_eq(lines, AGENTS + 1);
    ck_says(text, "draining");
}
END_TEST

TESTS("screen", all_are_there_when_all_seven_are_ready_or_active, fresh_figures_are_shown_without_marks,
      old_figures_are_marked_stale, what_was_never_heard_has_no_figures, json_has_each_agent_with_its_figures,
      a_text_with_quotes_does_not_break_the_json, a_program_that_ends_at_once_again_and_again_is_named,
      what_is_degraded_stands_under_its_agent_while_it_is_heard, progress_says_each_change_once)
