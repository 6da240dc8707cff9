/* seen - what was heard of each (publisher, topic): counts, gaps, rates, delays.
 *
 * A gap: the sequence jumped; the first message heard is none.  A new epoch of a class V or L topic
 * restarts its sequence at 1; durable topics go on.  Pure: no socket, no clock.
 */
#ifndef BROKER_SNIFF_SEEN_H
#define BROKER_SNIFF_SEEN_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "proto/envelope.h"
#include "proto/topics.h"

#define SEEN_MAX 4096           /* more (publisher, topic) pairs are not told apart: counted in others */

struct seen_topic {
    char topic[TOPIC_MAX + 1];
    enum party publisher;
    enum durability class;
    uint32_t epoch;
    uint64_t seq;
    int64_t count, bytes;
    int64_t gaps, lost, repeated;
    int64_t first_ns, last_ns;                      /* of arrival */
    double interval_sum, interval_sum2, interval_min, interval_max;     /* s */
    double delay_sum, delay_min, delay_max;         /* s, sending to arrival */
};

struct seen {
    struct seen_topic *topics;
    size_t n, cap;
    int64_t others;
};

void seen_fini(struct seen *s);
/* now_ns: monotonic, for intervals; wall_ns: for delays. */
void seen_note(struct seen *s, const char *topic, const struct header *h, size_t bytes, int64_t now_ns,
               int64_t wall_ns);
int64_t seen_lost(const struct seen *s);

enum seen_view { SEEN_HZ, SEEN_BW, SEEN_DELAY, SEEN_LIST, SEEN_INFO };
/* A table, or with json one object a line. */
void seen_print(const struct seen *s, enum seen_view view, bool json, FILE *f);
/* One line for each (publisher, topic) with gaps, nothing without any. */
void seen_print_gaps(const struct seen *s, FILE *f);

#endif
