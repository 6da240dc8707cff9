/* wsframe - see wsframe.h */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

#include "libagent/wsframe.h"

#define CLOSE_NONE 1005

void wsframe_fini(struct wsframe *f)
{
    free(f->text);
    memset(f, 0, sizeof *f);
}

/* Table 3-7 of the Unicode standard: no overlong forms, no surrogates, nothing past U+10FFFF. */
bool wsframe_utf8(const char *s, size_t len)
{
    const uint8_t *p = (const uint8_t *)s, *const end = p + len;
    while (p < end) {
        const uint8_t c = *p++;
        if (c < 0x80)
            continue;
        int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
        if (c < 0xc2 || c > 0xf4 || end - p < more)
            return false;
        const uint8_t low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
        const uint8_t high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
        if (p[0] < low || p[0] > high)
            return false;
        for (int i = 1; i < more; i++)
            if ((p[i] & 0xc0) != 0x80)
                return false;
        p += more;
    }
    return true;
}

/* ---- frames ---- */

static bool is_control(int op)
{
    return op >= WSFRAME_CLOSE;
}

/* The first two bytes say how long the header is.  0, or a close code. */
static int check_start(const struct wsframe *f)
{
    const int op = f->head[0] & 0x0f, len7 = f->head[1] & 0x7f;
    const bool fin = f->head[0] & 0x80;
    if ((f->head[0] & 0x70) != 0 || (f->head[1] & 0x80) == 0)
        return 1002;                    /* no extension was agreed; clients must mask */
    switch (op) {
    case WSFRAME_CONT:
        return f->in_message ? 0 : 1002;
    case WSFRAME_TEXT:
        return f->in_message ? 1002 : 0;
    case WSFRAME_BINARY:
        return f->in_message ? 1002 : 1003;
    case WSFRAME_CLOSE:
    case WSFRAME_PING:
    case WSFRAME_PONG:
        return fin && len7 <= WSFRAME_CONTROL_MAX ? 0 : 1002;
    default:
        return 1002;
    }
}

static uint64_t big_endian(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | p[i];
    return v;
}

/* Header complete: the length, in its shortest form, and room for the payload. */
static int begin_payload(struct wsframe *f)
{
    const int op = f->head[0] & 0x0f, len7 = f->head[1] & 0x7f;
    f->left = len7 == 126 ? big_endian(f->head + 2, 2)
            : len7 == 127 ? big_endian(f->head + 2, 8) : (uint64_t)len7;
    if ((len7 == 126 && f->left < 126) || (len7 == 127 && (f->left < 65536 || f->left >> 63 != 0)))
        return 1002;
    f->at = 0;
    f->in_payload = true;
    if (is_control(op)) {
        f->control_len = 0;
        return 0;
    }
    if (op == WSFRAME_TEXT) {
        f->text_len = 0;
        f->in_message = true;
    }
    if (f->left > WSFRAME_MESSAGE_MAX - f->text_len)
        return 1009;
    if (f->text_len + f->left > f->text_cap || f->text == NULL) {
        f->text_cap = f->text_len + (size_t)f->left;
        f->text = realloc(f->text, f->text_cap + 1);
        must(f->text != NULL);
    }
    return 0;
}

static int feed_header(struct wsframe *f, uint8_t byte)
{
    f->head[f->head_len++] = byte;
    if (f->head_len == 2) {
        int code = check_start(f);
        if (code != 0)
            return code;
        const int len7 = byte & 0x7f;
        f->head_need = 6 + (len7 == 126 ? 2 : len7 == 127 ? 8 : 0);
    }
    return f->head_len >= 2 && f->head_len == f->head_need ? begin_payload(f) : 0;
}

static size_t feed_payload(struct wsframe *f, const char *bytes, size_t len)
{
    const uint8_t *mask = f->head + f->head_need - 4;
    const bool control = is_control(f->head[0] & 0x0f);
    char *to = control ? f->control + f->control_len : f->text + f->text_len;
    size_t n = len < f->left ? len : (size_t)f->left;
    for (size_t i = 0; i < n; i++)
        to[i] = (char)((uint8_t)bytes[i] ^ mask[(f->at + i) & 3]);
    if (control)
        f->control_len += n;
    else
        f->text_len += n;
    f->at += n;
    f->left -= n;
    return n;
}

static bool valid_close_code(int code)
{
    return (code >= 1000 && code <= 1011 && code != 1004 && code != 1005 && code != 1006) ||
           (code >= 3000 && code <= 4999);
}

static int close_event(struct wsframe *f, struct wsframe_event *ret)
{
    ret->close_code = CLOSE_NONE;
    if (f->control_len == 0)
        return 1;
    if (f->control_len == 1)
        return -1002;
    ret->close_code = (int)big_endian((const uint8_t *)f->control, 2);
    ret->data += 2;
    ret->len -= 2;
    if (!valid_close_code(ret->close_code))
        return -1002;
    return wsframe_utf8(ret->data, ret->len) ? 1 : -1007;
}

/* A frame is complete: 1 an event, 0 more fragments to come. */
static int end_frame(struct wsframe *f, struct wsframe_event *ret)
{
    const int op = f->head[0] & 0x0f;
    const bool fin = f->head[0] & 0x80;
    f->in_payload = false;
    f->head_len = f->head_need = 0;
    if (is_control(op)) {
        f->control[f->control_len] = '\0';
        *ret = (struct wsframe_event){.op = (enum wsframe_op)op, .data = f->control,
                                      .len = f->control_len};
        return op == WSFRAME_CLOSE ? close_event(f, ret) : 1;
    }
    if (!fin)
        return 0;
    f->in_message = false;
    f->text[f->text_len] = '\0';
    *ret = (struct wsframe_event){.op = WSFRAME_TEXT, .data = f->text, .len = f->text_len};
    return wsframe_utf8(f->text, f->text_len) ? 1 : -1007;
}

int wsframe_feed(struct wsframe *f, const char *bytes, size_t len, size_t *used,
                 struct wsframe_event *ret)
{
    size_t i = 0;
    int r = 0;
    while (r == 0 && i < len) {
        if (f->in_payload)
            i += feed_payload(f, bytes + i, len - i);
        else
            r = -feed_header(f, (uint8_t)bytes[i++]);
        if (r == 0 && f->in_payload && f->left == 0)
            r = end_frame(f, ret);
    }
    *used = i;
    return r;
}

size_t wsframe_header(uint8_t ret[WSFRAME_HEADER_MAX], enum wsframe_op op, size_t len)
{
    ret[0] = (uint8_t)(0x80 | op);
    if (len < 126) {
        ret[1] = (uint8_t)len;
        return 2;
    }
    const size_t n = len < 65536 ? 2 : 8;
    ret[1] = n == 2 ? 126 : 127;
    for (size_t i = 0; i < n; i++)
        ret[2 + i] = (uint8_t)((uint64_t)len >> 8 * (n - 1 - i));
    return 2 + n;
}

/* ---- the handshake ---- */

static uint32_t rol(uint32_t v, int n)
{
    return v << n | v >> (32 - n);
}

static void sha1_block(uint32_t h[5], const uint8_t *p)
{
    uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (int t = 0; t < 16; t++)
        w[t] = (uint32_t)big_endian(p + 4 * t, 4);
    for (int t = 16; t < 80; t++)
        w[t] = rol(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
    for (int t = 0; t < 80; t++) {
        uint32_t f = t < 20 ? (b & c) | (~b & d) : t < 40 || t >= 60 ? b ^ c ^ d
                   : (b & c) | (b & d) | (c & d);
        uint32_t k = t < 20 ? 0x5a827999 : t < 40 ? 0x6ed9eba1 : t < 60 ? 0x8f1bbcdc : 0xca62c1d6;
        uint32_t next = rol(a, 5) + f + e + w[t] + k;
        e = d, d = c, c = rol(b, 30), b = a, a = next;
    }
    h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
}

void wsframe_sha1(const void *data, size_t len, uint8_t ret[20])
{
    uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    const uint8_t *p = data;
    size_t left = len;
    for (; left >= 64; p += 64, left -= 64)
        sha1_block(h, p);
    uint8_t last[128] = {0};            /* the rest, 0x80, zeros, the length in bits */
    if (left > 0)
        memcpy(last, p, left);
    last[left] = 0x80;
    const size_t size = left < 56 ? 64 : 128;
    for (int i = 0; i < 8; i++)
        last[size - 1 - (size_t)i] = (uint8_t)((uint64_t)len * 8 >> 8 * i);
    for (size_t i = 0; i < size; i += 64)
        sha1_block(h, last + i);
    for (int i = 0; i < 20; i++)
        ret[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}

void wsframe_accept(const char *key, char ret[WSFRAME_ACCEPT_LEN + 1])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    static const char b64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char text[128] = {0};
    uint8_t d[21] = {0};                /* one zero byte: 21 divides by three */
    const size_t n = strnlen(key, sizeof text - sizeof guid);
    memcpy(text, key, n);
    memcpy(text + n, guid, sizeof guid);
    wsframe_sha1(text, n + sizeof guid - 1, d);
    for (size_t i = 0; i < 7; i++) {
        uint32_t v = (uint32_t)big_endian(d + 3 * i, 3);
        for (size_t j = 0; j < 4; j++)
            ret[4 * i + j] = b64[v >> (18 - 6 * j) & 63];
    }
    ret[WSFRAME_ACCEPT_LEN - 1] = '=';
    ret[WSFRAME_ACCEPT_LEN] = '\0';
}
