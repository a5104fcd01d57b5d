/* cli_json.h - what mq shows, as JSON objects. Each function returns an owned object, or NULL: out of memory.
 */
#ifndef MQ_CLI_JSON_H
#define MQ_CLI_JSON_H

#include <jansson.h>

#include "mqc.h"

/* {"queue","id","priority","deliveries","body"}; "body_base64" instead if the body is not UTF-8. */
json_t *cli_json_item(const struct mqc_item *item);

/* Numbers and strings as such, a tuple as an array, bytes as {"base64": ...}, no key as null. */
json_t *cli_json_key(struct mqc_key key);

/* The base64 text of some bytes (RFC 4648, padded). */
json_t *cli_json_base64(const void *data, size_t size);

#endif
