/* wsframe - WebSocket framing of the server's side: frames in, whole messages out (RFC 6455).
 *
 * Bytes are fed as they come, cut anywhere.  Client frames must be masked; fragments are put together;
 * control frames may come between them; text is checked for UTF-8.
 *
 * Errors:  are the close code to answer with: 1002 protocol, 1003 binary, 1007 not UTF-8, 1009 too large.
 * Memory:  grows to the bound; wsframe_fini frees.  Threads: none shared.
 */
#ifndef LIBAGENT_WSFRAME_H
#define LIBAGENT_WSFRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WSFRAME_MESSAGE_MAX 65536
#define WSFRAME_CONTROL_MAX 125
#define WSFRAME_HEADER_MAX  10          /* of a frame we send: unmasked */
#define WSFRAME_ACCEPT_LEN  28

enum wsframe_op { WSFRAME_CONT = 0, WSFRAME_TEXT = 1, WSFRAME_BINARY = 2,
                  WSFRAME_CLOSE = 8, WSFRAME_PING = 9, WSFRAME_PONG = 10 };

struct wsframe {
    uint8_t head[14];
    size_t head_len, head_need;
    uint64_t left;                      /* payload bytes of the frame still to come */
    uint64_t at;                        /* payload bytes of it so far */
    bool in_payload, in_message;
    char *text;                         /* the message so far */
    size_t text_len, text_cap;
    char control[WSFRAME_CONTROL_MAX + 1];
    size_t control_len;
};

struct wsframe_event {
    enum wsframe_op op;                 /* TEXT, CLOSE, PING, PONG */
    const char *data;                   /* ends with NUL; valid until the next feed */
    size_t len;
    int close_code;                     /* of CLOSE; 1005: none was given */
};

/* A zeroed struct is a new one. */
void wsframe_fini(struct wsframe *f);
/* 1: an event, perhaps with bytes left over; 0: all used, nothing whole yet; negative: minus the
 * close code. */
int wsframe_feed(struct wsframe *f, const char *bytes, size_t len, size_t *used,
                 struct wsframe_event *ret);
/* Header of an unmasked final frame; its length. */
size_t wsframe_header(uint8_t ret[WSFRAME_HEADER_MAX], enum wsframe_op op, size_t len);
/* Sec-WebSocket-Accept for a key (RFC 6455 4.2.2), with NUL. */
void wsframe_accept(const char *key, char ret[WSFRAME_ACCEPT_LEN + 1]);
bool wsframe_utf8(const char *s, size_t len);
/* SHA-1 (RFC 3174): for the handshake, which demands it; for nothing else. */
void wsframe_sha1(const void *data, size_t len, uint8_t ret[20]);

#endif
