/* clock - the two clocks of this machine, in types that cannot be mixed.
 *
 * Wall time is int64_t UTC nanoseconds; spans and deadlines use struct mono.  Only shells read clocks:
 * everything else is given its now.
 */
#ifndef LIBAGENT_CLOCK_H
#define LIBAGENT_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct mono {
    int64_t ns;
};

int64_t wall_ns(void);
int64_t boot_ns(void);                          /* CLOCK_BOOTTIME: counts sleep, nobody sets it */
void boot_id(uint8_t ret[16]);                  /* of this boot of the machine; all zero when it is not told */
struct mono mono_now(void);
struct mono mono_after_ms(int64_t ms);          /* now + ms */
int64_t mono_left_ms(struct mono deadline);     /* rounded up; 0 when it is past */
bool mono_past(struct mono deadline);

#endif
