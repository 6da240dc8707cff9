/* serve - see serve.h */
#include <stdio.h>
#include <stdlib.h>

#include "libagent/clock.h"
#include "libagent/server.h"
#include "proto/err.h"
#include "proto/tm.h"

#include "deploy/paper/admin.h"
#include "deploy/paper/gate.h"
#include "deploy/paper/serve.h"

struct serve {
    struct loop *loop;
    struct venue *v;
    struct server *rest, *admin;
    struct gate *gate;
    struct loop_timer *market;
    int error;
};

/* Set the timer for the market's next event. */
static void schedule(void *arg)
{
    struct serve *s = arg;
    int64_t next_ns = engine_next_ns(s->v->engine);
    if (next_ns == ENGINE_NEVER) {
        loop_timer_pause(s->market);
        return;
    }
    int64_t left_ms = mono_left_ms((struct mono){mclock_mono_ns(&s->v->clock, next_ns)});
    loop_timer_again(s->market, left_ms > SERVE_TICK_MS ? left_ms : SERVE_TICK_MS);
}

static void on_market(void *arg)
{
    struct serve *s = arg;
    s->error = venue_advance(s->v);
    if (s->error != ERR_OK)
        loop_stop(s->loop);
    else
        schedule(s);
}

static void on_rest(void *arg, struct server_request *req)
{
    gate_request(((struct serve *)arg)->gate, req);
}

static void on_admin(void *arg, struct server_request *req)
{
    struct serve *s = arg;
    struct jw w;
    size_t len;
    const char *body = server_body(req, &len);
    jw_init(&w);
    int status = admin_answer(s->v, server_method(req), server_target(req), body, len, &w);
    server_reply(req, status, "application/json", NULL, w.buf, w.len);
    jw_fini(&w);
}

static int on_ws_open(void *arg, struct ws_conn *c, const struct server_request *req)
{
    return gate_ws_open(((struct serve *)arg)->gate, c, req);
}

static void on_ws_text(void *arg, struct ws_conn *c, const char *text, size_t len)
{
    push_on_text(((struct serve *)arg)->v->push, c, text, len);
}

static void on_ws_close(void *arg, struct ws_conn *c)
{
    gate_ws_close(((struct serve *)arg)->gate, c);
}

static bool on_ws_send(void *arg, struct ws_conn *c, struct ws_text *t, const char *text, size_t len)
{
    return gate_ws_send(((struct serve *)arg)->gate, c, t, text, len);
}

int serve_new(struct loop *l, struct venue *v, struct faults *f, int port, int admin_port,
              struct serve **ret, int *busy_port)
{
    struct serve *s = calloc(1, sizeof *s);
    must(s != NULL);
    *s = (struct serve){.loop = l, .v = v, .gate = gate_new(l, v, f)};
    struct server_def rest = {
        .port = (uint16_t)port, .on_request = on_rest, .on_ws_open = on_ws_open,
        .on_ws_text = on_ws_text, .on_ws_close = on_ws_close, .on_ws_send = on_ws_send, .arg = s,
    };
    struct server_def admin = {.port = (uint16_t)admin_port, .on_request = on_admin, .arg = s};
    *busy_port = port;
    int err = server_new(l, &rest, &s->rest);
    if (err == ERR_OK) {
        *busy_port = admin_port;
        err = server_new(l, &admin, &s->admin);
    }
    if (err != ERR_OK) {
        serve_destroy(&s);
        return err;
    }
    *ret = s;
    return ERR_OK;
}

int serve_port(const struct serve *s)
{
    return server_port(s->rest);
}

int serve_admin_port(const struct serve *s)
{
    return server_port(s->admin);
}

void serve_start(struct serve *s)
{
    s->market = loop_timer_new(s->loop, SERVE_TICK_MS, 0, false, on_market, s);
    s->v->wake = schedule;
    s->v->wake_arg = s;
    gate_start(s->gate, s->rest);
}

int serve_error(const struct serve *s)
{
    return s->error;
}

void serve_destroy(struct serve **s)
{
    if (*s == NULL)
        return;
    (*s)->v->wake = NULL;
    loop_timer_destroy(&(*s)->market);
    if ((*s)->rest != NULL)
        server_destroy(&(*s)->rest);
    if ((*s)->admin != NULL)
        server_destroy(&(*s)->admin);
    (*s)->v->gate = NULL;
    gate_destroy(&(*s)->gate);
    free(*s);
    *s = NULL;
}
