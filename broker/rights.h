/* rights - may this sender put this message on the bus?
 *
 * The sender is the name of its certificate.  The table of proto/topics.def decides; beyond it
 *   operator   operator.* and any inbox
 *   guest      requests of agent.status to an agent's inbox, nothing else
 * and for everybody: the header names the sender of the certificate, carries the topic's class, and the
 * body of a guest's message says what the topic promises.
 * Pure: no socket, no clock.
 */
#ifndef BROKER_RIGHTS_H
#define BROKER_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/enums.h"

/* Why a publication is refused: VERDICT(name, text). */
#define VERDICTS(VERDICT)                                                                          \
    VERDICT(PASS, "")                                                                              \
    VERDICT(FRAMES, "not the three frames of a message, or of a wrong size")                       \
    VERDICT(TOPIC, "no such topic")                                                                \
    VERDICT(SOCKET, "the topic belongs to the other pair of sockets")                              \
    VERDICT(HEADER, "the header does not decode or does not fit the topic")                        \
    VERDICT(SENDER, "the header names another sender than the certificate")                        \
    VERDICT(RIGHT, "the sender has no right to publish this topic")                                \
    VERDICT(BODY, "the body is not what this sender may say")                                      \
    VERDICT(RATE, "more messages than the sender may publish")                                     \
    VERDICT(HANDSHAKE, "a connection without a certificate of this instance")

enum verdict {
#define VERDICT(name, text) VERDICT_##name,
    VERDICTS(VERDICT)
#undef VERDICT
    VERDICT_COUNT
};

const char *verdict_name(enum verdict v);
const char *verdict_text(enum verdict v);

struct publication {
    const char *sender;             /* name of the certificate; NULL: none */
    const void *topic, *header, *body;
    size_t topic_len, header_len, body_len;
    int frames;
    int socket;                     /* enum topic_socket it came in on */
    bool over_rate;                 /* more than rights_rate of its sender */
};

/* Whose certificate has this name; AGENT_COUNT: nobody's we know. */
enum party rights_sender(const char *name);

/* The cheap checks come first, so that a flood costs little: whose it is, and whether that one may still speak.
 * text: the topic as far as it is printable, for counters, at least TOPIC_MAX + 1 bytes;
 * who: rights_sender. */
enum verdict rights_judge(const struct publication *p, char *text, enum party *who);

/* Messages per second a party may publish, refused ones included. */
double rights_rate(enum party who);

#endif
