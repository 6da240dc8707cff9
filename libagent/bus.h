/* bus - one participant's sockets: the two pairs to the broker, and the replay channel.
 *
 * Endpoints are relative to the instance directory, in which every process runs:
 *   sock/event.pub, sock/event.sub    high-water mark 10,000
 *   sock/market.pub, sock/market.sub  high-water mark 256; of several waiting messages of one topic the
 *                                     reader is shown the newest
 *   sock/replay.NAME                  a publisher answers there what others missed
 * All CURVE, own certificate, the other side's public key known.  Sending never blocks and never fails:
 * what must not be lost is in a journal.  When nothing at all was heard for BUS_SILENT_MS the sockets
 * are opened anew (libzmq does not always notice that a broker came back), and so are those of a pair of
 * which one had no connection for so long.
 *
 * Replay: DEALER to ROUTER.  Question: "ASK", topic, u64 from, u32 max.  Answer: any number of
 * "DAT", topic, header, body, then "END", topic, u64 last, u64 oldest, u64 stream.
 *
 * Errors:  bus_open and bus_replay_bind: negative enum err and a text for people.  Frames that are not
 *          three, too long or empty are dropped and counted (bus_malformed).
 * Memory:  frames are borrowed during the callback.
 * Threads: the loop's thread only; libzmq's own thread and zauth's are hidden.
 */
#ifndef LIBAGENT_BUS_H
#define LIBAGENT_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libagent/loop.h"
#include "proto/envelope.h"
#include "proto/topics.h"

#define BUS_WHY_MAX    256
#define BUS_EVENT_HWM  10000
#define BUS_MARKET_HWM 256
#define BUS_DRAIN_MAX  256      /* messages of one socket per turn */

enum bus_pair { BUS_EVENT, BUS_MARKET, BUS_PAIRS };

typedef void bus_frames(void *arg, const char *topic, const uint8_t header[HEADER_SIZE],
                        const void *body, size_t len);

struct bus_options {
    struct loop *loop;
    const char *name;           /* whose certificate */
    bool market;                /* connect the market pair, too */
    bus_frames *on_frames;
    void *arg;
};

struct bus;

int  bus_open(const struct bus_options *options, struct bus **ret, char why[BUS_WHY_MAX]);
void bus_close(struct bus **bus);
void bus_subscribe(struct bus *b, enum bus_pair pair, const char *prefix);
void bus_send(struct bus *b, enum bus_pair pair, const char *topic, const uint8_t header[HEADER_SIZE],
              const void *body, size_t len);
/* Hear what waits, bounded; true: there is (or may be) more.  Call before each wait of the loop. */
bool bus_drain(struct bus *b);
size_t bus_waiting(const struct bus *b);        /* heard in the last turn */
int64_t bus_malformed(const struct bus *b);

/* ---- replay, the publisher's side ---- */

struct replay_request {
    char topic[TOPIC_MAX + 1];
    uint64_t from;
    uint32_t max;
    const void *peer;           /* private */
};
int bus_replay_bind(struct bus *b, void (*on)(void *arg, const struct replay_request *r), void *arg,
                    char why[BUS_WHY_MAX]);
/* Both only from inside the callback. */
void bus_replay_answer(struct bus *b, const struct replay_request *r, const char *topic,
                       const uint8_t header[HEADER_SIZE], const void *body, size_t len);
void bus_replay_end(struct bus *b, const struct replay_request *r, uint64_t last, uint64_t oldest,
                    uint64_t stream);

/* ---- replay, the consumer's side ---- */

struct replay_client;
typedef void replay_end(void *arg, enum party publisher, const char *topic, uint64_t last,
                        uint64_t oldest, uint64_t stream);

/* NULL when the publisher has no certificate here. */
struct replay_client *bus_replay_connect(struct bus *b, enum party publisher, bus_frames *on_frames,
                                         replay_end *on_end, void *arg);
void bus_replay_ask(struct replay_client *c, const char *topic, uint64_t from, uint32_t max);
void bus_replay_disconnect(struct replay_client **c);

#endif
