/* anchors - see anchors.h */
#include <string.h>

#include "proto/err.h"
#include "proto/text.h"

#include "libagent/anchors.h"

int anchor_read(const struct sub_anchor *from, struct anchor *ret)
{
    if (from->stream == 0 || from->epoch < 1 || from->lsn < 1)
        return ERR_RANGE;
    if (from->head_len != ANCHOR_HEAD_SIZE)
        return ERR_SIZE;
    *ret = (struct anchor){(uint64_t)from->stream, (uint64_t)from->epoch, (uint64_t)from->lsn, {0}};
    memcpy(ret->head, from->head, ANCHOR_HEAD_SIZE);
    return ERR_OK;
}

void anchor_write(const struct anchor *from, const char *name, struct sub_anchor *to)
{
    *to = (struct sub_anchor){
        .stream = (int64_t)from->stream, .epoch = (int64_t)from->epoch, .lsn = (int64_t)from->lsn,
        .head_len = ANCHOR_HEAD_SIZE,
    };
    TEXT_COPY(to->name, name);
    memcpy(to->head, from->head, ANCHOR_HEAD_SIZE);
}

const char *anchor_follows(const struct anchor *was, const struct anchor *now)
{
    if (was->stream == 0)
        return NULL;
    if (was->stream != now->stream)
        return "it is another journal";
    if (now->lsn < was->lsn || now->epoch < was->epoch)
        return "records at its end are missing";
    if (now->lsn == was->lsn && memcmp(now->head, was->head, ANCHOR_HEAD_SIZE) != 0)
        return "its records are other ones";
    return NULL;
}
