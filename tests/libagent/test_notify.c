/* Notifications against an HTTP server of the test: taken once, tried again, kept over a restart, bounded. */
#include <stdio.h>
#include <sys/stat.h>

#include "libagent/exchange/codec.h"
#include "libagent/notify.h"
#include "tests/libagent/net.h"

#include "tests/runner.h"

static struct loop *loop;
static struct raw_server server;
static struct notify *n;
static char dir[64], file[96], token[96], url[64];
static int good, bad;
static const char *chat = "";

static void on_changed(void *arg, bool delivered, const char *why)
{
    (void)arg, (void)why;
    good += delivered;
    bad += !delivered;
}

static void open_notify(void)
{
    const struct notify_options o = {
        .loop = loop, .file = file, .instance = "paper", .webhook = *chat == '\0' ? url : "", .telegram_url = url,
        .telegram_chat = chat, .telegram_token_file = token, .first_ms = 20, .changed = on_changed,
    };
    ck_assert_int_eq(notify_new(&o, &n), ERR_OK);
}

static void begin(void)
{
    snprintf(dir, sizeof dir, "/tmp/enigma-notify-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/waiting", dir);
    snprintf(token, sizeof token, "%s/token", dir);
    FILE *f = fopen(token, "w");
    fputs("123:abc\n", f);
    fclose(f);
    must(loop_new(&loop) == ERR_OK);
    raw_server_init(&server, loop);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", server.port);
}

static void end(void)
{
    notify_destroy(&n);
    raw_server_fini(&server);
    loop_destroy(&loop);
    unlink(file);
    unlink(token);
    ck_assert_int_eq(rmdir(dir), 0);
}

/* The connection that has heard a whole request; its body. */
static struct raw *asked(void)
{
    for (int i = 0; i < server.n; i++) {
        const char *body = strstr(server.got[i].heard, "\r\n\r\n");
        if (body != NULL && body[4] == '{' && server.got[i].heard[server.got[i].len - 1] == '}')
            return &server.got[i];
    }
    return NULL;
}

static void answer(struct raw *r, const char *text)
{
    raw_forget(r);
    raw_say(r, text);
}

#define OK_TEXT   "HTTP/1.1 204 No Content\r\n\r\n"
#define DOWN_TEXT "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"

START_TEST(a_webhook_gets_what_happened_once)
{
    begin();
    open_notify();
    notify_send(n, SEVERITY_CRITICAL, "EMERGENCY_STOP", "DRAWDOWN:\nthe day's loss");
    RUN_UNTIL(loop, asked() != NULL);
    ck_assert_ptr_nonnull(strstr(asked()->heard, "POST / "));
    ck_assert_ptr_nonnull(strstr(asked()->heard, "\"instance\":\"paper\""));
    ck_assert_ptr_nonnull(strstr(asked()->heard, "\"severity\":\"CRITICAL\",\"event\":\"EMERGENCY_STOP\","
                                                 "\"text\":\"DRAWDOWN: the day's loss\"}"));
    answer(asked(), OK_TEXT);
    RUN_UNTIL(loop, notify_waiting(n) == 0);
    RUN_FOR(loop, 100);
    ck_assert_ptr_null(asked());
    ck_assert_int_eq(bad, 0);
    end();
}
END_TEST

START_TEST(telegram_gets_a_message_with_the_token_of_its_file)
{
    chat = "-100200";
    begin();
    open_notify();
    notify_send(n, SEVERITY_HIGH, "PAUSED", "signal is not ready");
    RUN_UNTIL(loop, asked() != NULL);
    ck_assert_ptr_nonnull(strstr(asked()->heard, "POST /bot123:abc/sendMessage "));
    ck_assert_ptr_nonnull(strstr(asked()->heard, "{\"chat_id\":\"-100200\",\"text\":\"paper HIGH PAUSED: signal is not ready\"}"));
    answer(asked(), OK_TEXT);
    RUN_UNTIL(loop, notify_waiting(n) == 0);
    end();
}
END_TEST

START_TEST(what_was_refused_is_sent_again_in_order)
{
    begin();
    open_notify();
    notify_send(n, SEVERITY_HIGH, "ONE", "");
    notify_send(n, SEVERITY_HIGH, "TWO", "");
    for (int i = 0; i < 4; i++) {
        RUN_UNTIL(loop, asked() != NULL);
        ck_assert_ptr_nonnull(strstr(asked()->heard, "\"ONE\""));
        answer(asked(), i < 3 ? DOWN_TEXT : OK_TEXT);
    }
    ck_assert_int_eq(bad, 1);                   /* said once */
    RUN_UNTIL(loop, asked() != NULL);
    ck_assert_ptr_nonnull(strstr(asked()->heard, "\"TWO\""));
    ck_assert_int_eq(good, 1);
    answer(asked(), OK_TEXT);
    RUN_UNTIL(loop, notify_waiting(n) == 0);
    end();
}
END_TEST

START_TEST(what_waits_outlives_a_restart)
{
    begin();
    snprintf(url, sizeof url, "http://127.0.0.1:%d", closed_port(loop));
    open_notify();
    notify_send(n, SEVERITY_CRITICAL, "EMERGENCY_STOP", "first");
    notify_send(n, SEVERITY_CRITICAL, "EMERGENCY_STOP", "second");
    RUN_UNTIL(loop, bad == 1);
    notify_destroy(&n);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", server.port);
    open_notify();
    ck_assert_int_eq(notify_waiting(n), 2);
    RUN_UNTIL(loop, asked() != NULL);
    ck_assert_ptr_nonnull(strstr(asked()->heard, "first"));
    answer(asked(), OK_TEXT);
    RUN_UNTIL(loop, asked() != NULL);
    ck_assert_ptr_nonnull(strstr(asked()->heard, "second"));
    answer(asked(), OK_TEXT);
    RUN_UNTIL(loop, notify_waiting(n) == 0);
    notify_destroy(&n);
    open_notify();
    ck_assert_int_eq(notify_waiting(n), 0);
    end();
}
END_TEST

START_TEST(the_oldest_makes_room_and_is_counted)
{
    begin();
    snprintf(url, sizeof url, "http://127.0.0.1:%d", closed_port(loop));
    open_notify();
    for (int i = 0; i < NOTIFY_MAX + 10; i++)
        notify_send(n, SEVERITY_MEDIUM, "E", "x");
    ck_assert_int_eq(notify_waiting(n), NOTIFY_MAX);
    ck_assert_int_eq(notify_dropped(n), 10);
    end();
}
END_TEST

START_TEST(a_damaged_file_is_no_reason_not_to_start)
{
    begin();
    FILE *f = fopen(file, "w");
    fputs("\xff\xff\n1\t5\tHIGH\tE\tgood\n99999999999999999999\t\n1\t2\n", f);
    fclose(f);
    open_notify();
    ck_assert_int_eq(notify_waiting(n), 1);
    end();
}
END_TEST

START_TEST(without_anybody_to_tell_there_is_nothing)
{
    const struct notify_options o = {.webhook = "", .telegram_chat = ""};
    ck_assert_int_eq(notify_new(&o, &n), ERR_MISSING);
    notify_send(NULL, SEVERITY_HIGH, "E", "x");
}
END_TEST

TESTS("notify", a_webhook_gets_what_happened_once, telegram_gets_a_message_with_the_token_of_its_file,
      what_was_refused_is_sent_again_in_order, what_waits_outlives_a_restart, the_oldest_makes_room_and_is_counted,
      a_damaged_file_is_no_reason_not_to_start, without_anybody_to_tell_there_is_nothing)
