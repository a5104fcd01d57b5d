/* fact_fields.h - the fields of a fact, of any kind, as bytes. Private to facts.c and fact.c.
 *
 * What a kind of fact has is said once, by one function which writes or reads it; so both sides agree. */
#ifndef MQ_FACT_FIELDS_H
#define MQ_FACT_FIELDS_H

#include "fact.h"

enum { FACT_HEAD = 5 }; /* bytes before the fields: kind and size */

/* Returns where they end: FACT_SIZE_MAX bytes on at most. */
uint8_t *fact_fields_write(const struct fact *f, uint8_t *to);

/* Of a fact of f->kind that has nothing else yet; *from is what is behind them then. False: they make no
 * sense. */
bool fact_fields_read(struct fact *f, struct bytes *from);

#endif
