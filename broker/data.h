/* data.h - the data directory of a running broker: locked, read back into the engine, then written to.
 *
 * keeper.h says how facts become groups, journal.h where these go, crew.h who writes them; here they get a
 * real disk, and what happens to it becomes lines in the log and figures in stat. Without a data directory
 * there is no struct data: the functions of the loop take NULL and say that everything is safe. */
#ifndef MQ_DATA_H
#define MQ_DATA_H

#include "ending.h"
#include "engine.h"
#include "log.h"
#include "options.h"

struct data;

/* Makes the directory if it is missing, and locks it; nothing of the log is changed. Borrows options and log.
 * *ret_data is the caller's with ENDING_OK only; else `error` holds one line. */
enum ending data_open(const struct options *options, struct log *log, struct data **ret_data,
                      char error[OPTIONS_ERROR_MAX]);

/* For the engine, which must be freed before. */
const struct shelf *data_shelf(const struct data *d);

/* Reads everything back into the engine, which begins; from now on its facts are written down. Borrows the
 * engine, which is only good for being freed if this fails. */
enum ending data_begin(struct data *d, struct engine *engine, char error[OPTIONS_ERROR_MAX]);

/* The threads that write end after what they are at. False: one does not, as the disk hangs, and this has
 * been logged; then nothing may be freed, and the process has to end as it is. */
bool data_stop(struct data *d);

/* Waits for what is being written. The engine, which may point here, must have been freed. NULL is fine. */
void data_free(struct data *d);

/* --- for the loop; d may be NULL --- */

/* Becomes readable when data_turn() should be called; -1: never. */
int data_descriptor(const struct data *d);

/* Hands new facts to the crew if it is free, and tells the engine what has become of the ones before. */
void data_turn(struct data *d, uint64_t now_ms);

/* What has been decided up to this position may be told. */
uint64_t data_safe(const struct data *d);

/* When data_turn() should be called at the latest. */
uint64_t data_deadline_ms(const struct data *d);

/* What has been written is synced without waiting for the interval. */
void data_hurry(struct data *d);

/* Is anything not yet written and safe that could be? */
bool data_is_busy(const struct data *d);

/* Could nothing be written any more? */
bool data_has_failed(const struct data *d);

/* How many groups have been written: grows as long as the disk does its work. */
uint64_t data_groups(const struct data *d);

#endif
