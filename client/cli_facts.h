/* cli_facts.h - what stat tells, as a list of named facts, so that text and JSON have the same keys. */
#ifndef MQ_CLI_FACTS_H
#define MQ_CLI_FACTS_H

#include <jansson.h>

#include "mqc.h"

/* "open", "shut_down" or "shut_down_immediate". */
const char *cli_queue_state(const struct mqc_queue_stat *stat);

/* Owned objects, keys in the order to be shown; NULL: out of memory. */
json_t *cli_queue_facts(const struct mqc_queue_stat *stat);
json_t *cli_broker_facts(const struct mqc_broker_stat *stat);

#endif
