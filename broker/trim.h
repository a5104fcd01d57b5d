/* trim.h - when to give freed memory back to the system. Pure: it is told the time and how much is in use.
 *
 * malloc keeps what is freed for the next one who needs it, which is right while work goes on, and wrong when
 * a large queue has been drained. So: once the use has been well below its peak for a while without
 * interruption, it is time; then the peak is what is in use now. A use that goes up and down is left alone.
 */
#ifndef MQ_TRIM_H
#define MQ_TRIM_H

#include <stdbool.h>
#include <stdint.h>

enum { TRIM_DROP = 16 << 20, TRIM_CALM_MS = 1000 };

struct trim {
    uint64_t peak;     /* bytes, since the last time */
    uint64_t since_ms; /* since when it is TRIM_DROP below that; UINT64_MAX: it is not */
};

void trim_init(struct trim *t);

/* Is it time, if so much is in use? Then it counts as done. To be asked every now and then, and before going
 * to sleep. */
bool trim_is_due(struct trim *t, uint64_t now_ms, uint64_t used);

/* When it will be time if nothing changes; UINT64_MAX: never. */
uint64_t trim_deadline_ms(const struct trim *t);

#endif
