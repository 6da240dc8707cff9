/* sniff - what goes over the bus, for people and for scripts.
 *
 * Hears:   the topics asked for, and the broker's heartbeat, which says that there is a bus
 * Says:    nothing
 * Keeps:   nothing
 * If lost: nobody notices.  It has its own high-water mark; what it is too slow for is dropped for it
 *          alone and counted as gaps.
 *
 * Its sockets are its own, not libagent/bus's, whose market side shows the newest per topic only.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <czmq.h>

#include "libagent/bus.h"
#include "libagent/certs.h"
#include "libagent/clock.h"
#include "libagent/timers.h"
#include "proto/err.h"
#include "proto/text.h"
#include "proto/tm.h"

#include "broker/filter.h"
#include "broker/mpjson.h"
#include "broker/sniff/seen.h"

#define SNIFF_HWM    5000
#define PREFIXES_MAX 64
#define FIELDS_MAX   16
#define LIST_MS      3000       /* list and info listen so long unless told otherwise */

enum { EXIT_USAGE = 2, EXIT_DOWN = 3, EXIT_CONFIG = 4, EXIT_TIMEOUT = 5 };
enum format { TEXT, JSON, CSV, RAW };

struct options {
    const char *instance, *as;
    enum format format;
    int view;                   /* enum seen_view; -1: messages */
    struct filter filter;
    const char *fields[FIELDS_MAX];
    size_t n_fields;
    const char *prefixes[PREFIXES_MAX];
    size_t n_prefixes;
    int64_t wanted;             /* messages; 0: no end */
    int64_t timeout_ms;         /* 0: none */
};

struct sniff {
    struct options o;
    zcert_t *cert;
    char broker_key[41];
    zsock_t *subs[BUS_PAIRS];
    struct seen seen;
    struct mono heard;
    bool beat, finished, pipe_closed;
    int64_t shown, malformed;
};

static volatile sig_atomic_t stopped;

static void on_signal(int signum)
{
    (void)signum;
    stopped = 1;
}

/* ---- one message ---- */

struct message {
    zmq_msg_t parts[3];
    int kept;
    bool whole;                 /* exactly three frames of the right sizes */
    char topic[TOPIC_MAX + 1];
    struct header header;
};

static void message_close(struct message *m)
{
    for (int i = 0; i < m->kept; i++)
        zmq_msg_close(&m->parts[i]);
}

static bool message_recv(zsock_t *sock, struct message *m)
{
    int frames = 0;
    bool more = true;
    m->kept = 0;
    while (more) {
        zmq_msg_t part;
        zmq_msg_init(&part);
        if (zmq_msg_recv(&part, zsock_resolve(sock), ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&part);
            return false;
        }
        more = zmq_msg_more(&part);
        frames++;
        if (m->kept < 3)
            m->parts[m->kept++] = part;
        else
            zmq_msg_close(&part);
    }
    size_t n = zmq_msg_size(&m->parts[0]);
    m->whole = frames == 3 && n > 0 && n <= TOPIC_MAX && zmq_msg_size(&m->parts[1]) == HEADER_SIZE;
    if (m->whole) {
        memcpy(m->topic, zmq_msg_data(&m->parts[0]), n);
        m->topic[n] = '\0';
        enum topic known;
        m->whole = strlen(m->topic) == n && topic_find(m->topic, &known) == ERR_OK &&
                   header_decode(zmq_msg_data(&m->parts[1]), &m->header) == ERR_OK;
    }
    return true;
}

/* ---- showing it ---- */

static void show_hex(const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    putchar(' ');
    for (size_t i = 0; i < n; i++)
        printf("%02x", p[i]);
}

static void show_json(const struct message *m, const msgpack_object *root)
{
    printf("{\"topic\":\"%s\",\"seq\":%" PRIu64 ",\"epoch\":%" PRIu32, m->topic, m->header.seq, m->header.epoch);
    for (uint32_t i = 0; i < root->via.map.size; i++) {
        putchar(',');
        mpjson_write(stdout, &root->via.map.ptr[i].key);
        putchar(':');
        mpjson_write(stdout, &root->via.map.ptr[i].val);
    }
    puts("}");
}

/* A CSV cell: quotes are doubled. */
static void show_cell(const msgpack_object *o)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    must(f != NULL);
    if (o != NULL)
        mpjson_text(f, o);
    must(fclose(f) == 0);
    putchar('"');
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '"')
            putchar('"');
        putchar(text[i]);
    }
    putchar('"');
    free(text);
}

static const char *const csv_fields[] = {
    "timestamp", "from", "to", "type", "action", "priority", "correlationId", "id", "payload",
};
#define CSV_FIELDS (sizeof csv_fields / sizeof csv_fields[0])

static void show_csv_head(const struct options *o)
{
    printf("topic,seq,epoch");
    for (size_t i = 0; i < (o->n_fields > 0 ? o->n_fields : CSV_FIELDS); i++)
        printf(",%s", o->n_fields > 0 ? o->fields[i] : csv_fields[i]);
    putchar('\n');
}

static void show_csv(const struct options *o, const struct message *m, const msgpack_object *root)
{
    printf("%s,%" PRIu64 ",%" PRIu32, m->topic, m->header.seq, m->header.epoch);
    for (size_t i = 0; i < (o->n_fields > 0 ? o->n_fields : CSV_FIELDS); i++) {
        putchar(',');
        show_cell(filter_field(root, o->n_fields > 0 ? o->fields[i] : csv_fields[i]));
    }
    putchar('\n');
}

static void show_fields(const struct options *o, const msgpack_object *root)
{
    for (size_t i = 0; i < o->n_fields; i++) {
        const msgpack_object *v = filter_field(root, o->fields[i]);
        if (i > 0)
            putchar('\t');
        if (v != NULL && o->format == JSON)
            mpjson_write(stdout, v);
        else if (v != NULL)
            mpjson_text(stdout, v);
        else
            fputs(o->format == JSON ? "null" : "", stdout);
    }
    putchar('\n');
}

static void show_text(const struct message *m, const struct envelope *e)
{
    char when[TM_TEXT_MAX];
    tm_format(e->timestamp_ms * NS_PER_MS, when);
    printf("%.12s %-12s ", when + strlen("2024-08-04T"), party_name(e->from));
    mpjson_escape(stdout, e->action, strlen(e->action));
    if (strcmp(m->topic, e->action) != 0)
        printf(" [%s]", m->topic);
    if (e->correlation_id[0] != '\0') {
        putchar(' ');
        mpjson_escape(stdout, e->correlation_id, strlen(e->correlation_id));
    }
    for (uint32_t i = 0; i < e->payload->via.map.size; i++) {
        const msgpack_object_kv *kv = &e->payload->via.map.ptr[i];
        putchar(' ');
        mpjson_text(stdout, &kv->key);
        putchar('=');
        mpjson_text(stdout, &kv->val);
    }
    putchar('\n');
}

static void show(struct sniff *s, struct message *m, const struct envelope *e, const msgpack_object *root)
{
    if (s->o.format == RAW) {
        fputs(m->topic, stdout);
        show_hex(zmq_msg_data(&m->parts[1]), HEADER_SIZE);
        show_hex(zmq_msg_data(&m->parts[2]), zmq_msg_size(&m->parts[2]));
        putchar('\n');
    } else if (s->o.format == CSV) {
        show_csv(&s->o, m, root);
    } else if (s->o.n_fields > 0) {
        show_fields(&s->o, root);
    } else if (s->o.format == JSON) {
        show_json(m, root);
    } else {
        show_text(m, e);
    }
}

static bool asked_for(const struct options *o, const char *topic)
{
    for (size_t i = 0; i < o->n_prefixes; i++)
        if (strncmp(topic, o->prefixes[i], strlen(o->prefixes[i])) == 0)
            return true;
    return o->n_prefixes == 0;
}

static void on_message(struct sniff *s, struct message *m)
{
    if (!m->whole) {
        s->malformed++;
        return;
    }
    if (m->header.sender == AGENT_BROKER && strcmp(m->topic, "agent.hb") == 0)
        s->beat = true;
    if (!asked_for(&s->o, m->topic))
        return;
    size_t len = zmq_msg_size(&m->parts[2]);
    seen_note(&s->seen, m->topic, &m->header, HEADER_SIZE + strlen(m->topic) + len, mono_now().ns, wall_ns());
    struct envelope_parser parser = {.unpacked.zone = NULL};
    struct envelope e;
    int err = envelope_unpack(&parser, zmq_msg_data(&m->parts[2]), len, &e);
    if (err == ERR_OK && envelope_agrees(&e, &m->header) == ERR_OK) {
        const msgpack_object *root = &parser.unpacked.data;
        if (filter_accepts(&s->o.filter, root)) {
            if (s->o.view < 0)
                show(s, m, &e, root);
            s->finished = ++s->shown == s->o.wanted;
        }
    } else {
        s->malformed++;
    }
    envelope_parser_fini(&parser);
}

/* ---- the sockets ---- */

static bool overlaps(const char *prefix, const char *text)
{
    size_t a = strlen(prefix), b = strlen(text);
    return strncmp(prefix, text, a < b ? a : b) == 0;
}

static bool needs_market(const struct options *o)
{
    bool any = o->n_prefixes == 0;
    for (size_t i = 0; i < o->n_prefixes; i++)
        for (int t = 0; t < TOPIC_COUNT; t++)
            any = any || (topic_defs[t].socket == SOCKET_MARKET && overlaps(o->prefixes[i], topic_defs[t].text));
    return any;
}

static zsock_t *sub_open(struct sniff *s, const char *endpoint)
{
    zsock_t *sub = zsock_new(ZMQ_SUB);
    must(sub != NULL);
    zsock_set_linger(sub, 0);
    zsock_set_rcvhwm(sub, SNIFF_HWM);
    zsock_set_maxmsgsize(sub, ENVELOPE_MAX + 1024);
    zsock_set_reconnect_ivl(sub, 20);
    zsock_set_reconnect_ivl_max(sub, 0);
    zcert_apply(s->cert, sub);
    zsock_set_curve_serverkey(sub, s->broker_key);
    must(zsock_connect(sub, "%s", endpoint) == 0);
    for (size_t i = 0; i < s->o.n_prefixes; i++)
        zsock_set_subscribe(sub, s->o.prefixes[i]);
    zsock_set_subscribe(sub, s->o.n_prefixes == 0 ? "" : "agent.hb");
    return sub;
}

static void subs_open(struct sniff *s)
{
    zsock_destroy(&s->subs[BUS_EVENT]);
    zsock_destroy(&s->subs[BUS_MARKET]);
    s->subs[BUS_EVENT] = sub_open(s, "ipc://sock/event.sub");
    if (needs_market(&s->o))
        s->subs[BUS_MARKET] = sub_open(s, "ipc://sock/market.sub");
    s->heard = mono_now();
}

static void drain(struct sniff *s, enum bus_pair pair)
{
    struct message m;
    for (int i = 0; i < BUS_DRAIN_MAX && !s->finished && message_recv(s->subs[pair], &m); i++) {
        if (pair == BUS_EVENT)
            s->heard = mono_now();
        on_message(s, &m);
        message_close(&m);
    }
}

static void flush(struct sniff *s)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        s->pipe_closed = true;
}

static void wait_and_drain(struct sniff *s)
{
    zmq_pollitem_t items[3] = {{.fd = STDOUT_FILENO, .events = ZMQ_POLLERR}};
    int n = 1;
    for (int i = 0; i < BUS_PAIRS; i++)
        if (s->subs[i] != NULL)
            items[n++] = (zmq_pollitem_t){.socket = zsock_resolve(s->subs[i]), .events = ZMQ_POLLIN};
    zmq_poll(items, n, 100);
    s->pipe_closed = (items[0].revents & ZMQ_POLLERR) != 0;
    for (int i = 0; i < BUS_PAIRS && !s->pipe_closed; i++)
        if (s->subs[i] != NULL)
            drain(s, (enum bus_pair)i);
}

/* Exit code. */
static int listen_on(struct sniff *s)
{
    struct mono start = mono_now(), end = mono_after_ms(s->o.timeout_ms), tick = mono_after_ms(1000);
    bool periodic = s->o.view >= 0 && s->o.view <= SEEN_DELAY;
    subs_open(s);
    while (!stopped && !s->finished && (s->o.timeout_ms == 0 || !mono_past(end))) {
        wait_and_drain(s);
        if (periodic && mono_past(tick)) {
            tick = mono_after_ms(1000);
            seen_print(&s->seen, (enum seen_view)s->o.view, s->o.format == JSON, stdout);
        }
        if (!s->pipe_closed)
            flush(s);
        if (s->pipe_closed)
            return EXIT_SUCCESS;
        if (!s->beat && mono_now().ns - start.ns >= BUS_SILENT_MS * NS_PER_MS) {
            fprintf(stderr, "enigma-sniff: no heartbeat from the bus of %s in %d s; `enigma up` starts it\n",
                    s->o.instance, BUS_SILENT_MS / 1000);
            return EXIT_DOWN;
        }
        if (mono_now().ns - s->heard.ns >= BUS_SILENT_MS * NS_PER_MS) {
            fprintf(stderr, "enigma-sniff: the bus is silent; connecting anew\n");
            subs_open(s);
        }
    }
    if (s->o.view >= 0)
        seen_print(&s->seen, (enum seen_view)s->o.view, s->o.format == JSON, stdout);
    flush(s);
    bool timed = s->o.timeout_ms > 0 && !s->finished && !stopped;
    if (timed && s->shown > 0 && s->o.wanted > 0)
        fprintf(stderr, "enigma-sniff: %lld of %lld messages came in time\n", (long long)s->shown, (long long)s->o.wanted);
    return timed && s->shown == 0 ? EXIT_TIMEOUT : EXIT_SUCCESS;
}

static int run(struct sniff *s)
{
    char why[CERTS_WHY_MAX];
    if (chdir(s->o.instance) < 0) {
        fprintf(stderr, "enigma-sniff: instance %s: %s; `enigma up` makes one\n", s->o.instance, strerror(errno));
        return EXIT_DOWN;
    }
    zsys_init();
    zsys_handler_set(NULL);
    struct sigaction act = {.sa_handler = on_signal};
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (certs_load(CERTS_DIR, s->o.as, &s->cert, why) < 0 ||
        certs_public(CERTS_DIR, party_name(AGENT_BROKER), s->broker_key, why) < 0) {
        fprintf(stderr, "enigma-sniff: %s\n", why);
        zcert_destroy(&s->cert);
        return EXIT_CONFIG;
    }
    if (s->o.format == CSV && s->o.view < 0)
        show_csv_head(&s->o);
    int rc = listen_on(s);
    if (!s->pipe_closed) {
        seen_print_gaps(&s->seen, stderr);
        if (s->malformed > 0)
            fprintf(stderr, "enigma-sniff: %" PRId64 " malformed messages not shown\n", s->malformed);
    }
    zsock_destroy(&s->subs[BUS_EVENT]);
    zsock_destroy(&s->subs[BUS_MARKET]);
    zcert_destroy(&s->cert);
    seen_fini(&s->seen);
    return rc;
}

/* ---- the command line ---- */

static const char help[] =
    "usage: enigma-sniff [-i DIR] [hz|bw|delay|list|info] [TOPIC-PREFIX...]\n"
    "  -i, --instance DIR   the instance's directory (default run/paper)\n"
    "      --as NAME        whose certificate (default guest)\n"
    "      --from NAME --to NAME --type T --action A --priority P --correlation ID\n"
    "      --filter EXPR    payload.symbol==XBTUSDTM && payload.qty>3\n"
    "      --field a.b      only this field; may be repeated\n"
    "      --json --csv --raw\n"
    "  -n N, --once         stop after N messages, after one\n"
    "      --timeout S      stop after S seconds; exit 5 when nothing came\n"
    "hz bw delay            rate, bandwidth, delay per topic, each second\n"
    "list info              topics, publishers, counts (info: gaps, too) after 3 s or --timeout\n";

enum { O_AS = 256, O_FROM, O_TO, O_TYPE, O_ACTION, O_PRIORITY, O_CORRELATION, O_FILTER, O_FIELD, O_JSON,
       O_CSV, O_RAW, O_ONCE, O_TIMEOUT };

static const struct option longs[] = {
    {"instance", 1, NULL, 'i'}, {"as", 1, NULL, O_AS}, {"from", 1, NULL, O_FROM}, {"to", 1, NULL, O_TO},
    {"type", 1, NULL, O_TYPE}, {"action", 1, NULL, O_ACTION}, {"priority", 1, NULL, O_PRIORITY},
    {"correlation", 1, NULL, O_CORRELATION}, {"filter", 1, NULL, O_FILTER}, {"field", 1, NULL, O_FIELD},
    {"json", 0, NULL, O_JSON}, {"csv", 0, NULL, O_CSV}, {"raw", 0, NULL, O_RAW}, {"once", 0, NULL, O_ONCE},
    {"timeout", 1, NULL, O_TIMEOUT}, {"help", 0, NULL, 'h'}, {NULL, 0, NULL, 0},
};

static bool parse_positive(const char *text, double *ret)
{
    char *end;
    double v = strtod(text, &end);
    if (end == text || *end != '\0' || !(v > 0 && v < 1e9))
        return false;
    *ret = v;
    return true;
}

static bool take(struct options *o, int opt, char why[FILTER_WHY_MAX])
{
    static const char *const paths[] = {"from", "to", "type", "action", "priority", "correlationId"};
    double v;
    snprintf(why, FILTER_WHY_MAX, "\"%s\" does not fit", optarg != NULL ? optarg : "");
    switch (opt) {
    case 'i':        o->instance = optarg; return true;
    case O_AS:       o->as = optarg; return true;
    case O_JSON:     o->format = JSON; return true;
    case O_CSV:      o->format = CSV; return true;
    case O_RAW:      o->format = RAW; return true;
    case O_ONCE:     o->wanted = 1; return true;
    case O_FILTER:   return filter_parse(&o->filter, optarg, why) == ERR_OK;
    case O_FIELD:
        if (o->n_fields == FIELDS_MAX)
            return false;
        o->fields[o->n_fields++] = optarg;
        return true;
    case 'n':
        if (!parse_positive(optarg, &v) || v != (double)(int64_t)v)
            return false;
        o->wanted = (int64_t)v;
        return true;
    case O_TIMEOUT:
        if (!parse_positive(optarg, &v) || v < 0.001)
            return false;
        o->timeout_ms = (int64_t)(v * 1000);
        return true;
    default:
        return opt >= O_FROM && opt <= O_CORRELATION &&
               filter_add(&o->filter, paths[opt - O_FROM], FILTER_EQ, optarg) == ERR_OK;
    }
}

int main(int argc, char **argv)
{
    static struct sniff s;
    static const char *const views[] = {"hz", "bw", "delay", "list", "info"};
    char why[FILTER_WHY_MAX];
    s.o = (struct options){.instance = "run/paper", .as = "guest", .view = -1};
    for (int opt; (opt = getopt_long(argc, argv, "i:n:h", longs, NULL)) != -1;) {
        if (opt == 'h') {
            fputs(help, stdout);
            return EXIT_SUCCESS;
        }
        if (opt == '?')
            return EXIT_USAGE;
        if (!take(&s.o, opt, why)) {
            fprintf(stderr, "enigma-sniff: %s; --help says what there is\n", why);
            return EXIT_USAGE;
        }
    }
    for (int i = 0; optind < argc && i < 5; i++)
        if (strcmp(argv[optind], views[i]) == 0) {
            s.o.view = i;
            optind++;
            break;
        }
    for (; optind < argc; optind++) {
        if (s.o.n_prefixes == PREFIXES_MAX || strlen(argv[optind]) > TOPIC_MAX) {
            fprintf(stderr, "enigma-sniff: too many or too long topic prefixes\n");
            return EXIT_USAGE;
        }
        s.o.prefixes[s.o.n_prefixes++] = argv[optind];
    }
    if (s.o.view >= SEEN_LIST && s.o.timeout_ms == 0)
        s.o.timeout_ms = LIST_MS;
    return run(&s);
}
