/* fuzz_redis - what a Redis can answer, as hiredis reads it, through the queue's and the store's own checks: a task
 * that they let through is within all bounds.
 *
 * link: libagent/exchange
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libagent/queue.c"
#define full_key store_full_key
#define on_done store_on_done
#define on_answer store_on_answer
#include "libagent/store.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(const redisReply *r)
{
    struct queue_task task = {.attempt = 0};
    struct queue_reaped reaped = {.returned = 0};
    struct queue_counts counts = {.out = 0};
    if (get_task(r, &task) == ERR_OK && r->type == REDIS_REPLY_ARRAY) {
        must(strlen(task.id) > 0 && strlen(task.id) <= QUEUE_ID_MAX && task.len <= QUEUE_PAYLOAD_MAX);
        must(task.priority >= 0 && task.priority < QUEUE_PRIORITIES && task.attempt >= 1 && task.attempt <= QUEUE_ATTEMPTS);
    }
    if (get_reaped(r, &reaped) == ERR_OK) {
        must(reaped.dead >= 0 && reaped.dead <= QUEUE_REAP_MAX);
        for (int i = 0; i < reaped.dead; i++)
            must(strlen(reaped.dead_ids[i]) <= QUEUE_ID_MAX);
    }
    if (get_counts(r, &counts) == ERR_OK)
        must(counts.out >= 0 && counts.dead >= 0);
    (void)outcome(r);
    (void)is_scan_reply(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    redisReader *reader = redisReaderCreate();
    redisAsyncContext context = {.c = {.reader = reader}};
    must(reader != NULL);
    bound_replies(&context);
    void *reply = NULL;
    if (redisReaderFeed(reader, (const char *)data, size) == REDIS_OK)
        while (redisReaderGetReply(reader, &reply) == REDIS_OK && reply != NULL) {
            read_all(reply);
            freeReplyObject(reply);
            reply = NULL;
        }
    redisReaderFree(reader);
    return 0;
}
