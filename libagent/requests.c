/* requests - see requests.h */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/text.h"

#include "libagent/requests.h"

#define SEEN_MAX (sizeof ((struct requests *)0)->seen / sizeof ((struct requests *)0)->seen[0])

void parcel_fini(struct parcel *p)
{
    free(p->body);
    *p = (struct parcel){.body = NULL};
}

struct requests *requests_new(void)
{
    struct requests *r = calloc(1, sizeof *r);
    must(r != NULL);
    return r;
}

void requests_destroy(struct requests **r)
{
    if (*r == NULL)
        return;
    for (size_t i = 0; i < REQUESTS_MAX; i++)
        parcel_fini(&(*r)->open[i].parcel);
    for (size_t i = 0; i < SEEN_MAX; i++)
        parcel_fini(&(*r)->seen[i].parcel);
    free(*r);
    *r = NULL;
}

struct question *requests_ask(struct requests *r)
{
    for (size_t i = 0; i < REQUESTS_MAX; i++) {
        if (r->open[i].id[0] == '\0') {
            r->n_open++;
            return &r->open[i];
        }
    }
    return NULL;
}

struct question *requests_find(struct requests *r, const char *id)
{
    for (size_t i = 0; i < REQUESTS_MAX && *id != '\0'; i++)
        if (strcmp(r->open[i].id, id) == 0)
            return &r->open[i];
    return NULL;
}

void requests_close(struct requests *r, struct question *q)
{
    parcel_fini(&q->parcel);
    *q = (struct question){.arg = NULL};
    r->n_open--;
}

const struct parcel *requests_seen(struct requests *r, const char *id)
{
    for (size_t i = 0; i < SEEN_MAX; i++)
        if (strcmp(r->seen[i].id, id) == 0)
            return &r->seen[i].parcel;
    parcel_fini(&r->seen[r->next_seen].parcel);
    TEXT_COPY(r->seen[r->next_seen].id, id);
    r->next_seen = (r->next_seen + 1) % SEEN_MAX;
    return NULL;
}

void requests_answered(struct requests *r, const char *id, const char *topic, int64_t sent_ns,
                       const void *body, size_t len)
{
    for (size_t i = 0; i < SEEN_MAX; i++) {
        struct parcel *p = &r->seen[i].parcel;
        if (strcmp(r->seen[i].id, id) != 0 || p->body != NULL)
            continue;
        p->body = malloc(len);
        must(p->body != NULL);
        memcpy(p->body, body, len);
        p->len = len;
        p->sent_ns = sent_ns;
        TEXT_COPY(p->topic, topic);
        return;
    }
}
