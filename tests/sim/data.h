/* data.h - the data directory of the simulated broker: the real keeper and journal over a disk in memory, two
 * hands that take their time, and what power failures, full disks and bad blocks do to it.
 *
 * Beside each group of facts that is taken away lies a copy of the model. After a crash the log that is found
 * ends with one of them: not before the last one that was surely on disk. */
#ifndef SIM_DATA_H
#define SIM_DATA_H

#include "model.h"

void data_open(void); /* an empty directory */
void data_close(void);

/* A process begins: reads back all there is. Without a data directory: a new engine and a new model. */
void data_begin(struct engine **ret_engine, struct model **ret_model);
/* It ends; engine and model are gone then. */
void data_end(struct engine *e, struct model *m, bool power_fails);

/* Around each event of the broker, like the loop does. */
void data_turn(void);
void data_event_begins(void);
void data_event_ends(void);
uint64_t data_deadline_ms(void);
uint64_t data_safe(void);       /* the position; and the model is told */
void data_told(uint64_t group); /* an answer has left that depends on it */
bool data_is_dying(void);       /* the process ends now, as nothing can be written any more */

/* Faults. */
void data_break_disk(void); /* a call fails soon */
void data_fill_disk(void);
void data_make_room(void);
bool data_is_broken(void); /* a restart mends it */

#endif
