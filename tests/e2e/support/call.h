/* call.h - a call of the client library on a thread of its own, because it is expected to block.
 *
 *     struct call *get = call_get(queue, MQ_FOREVER);
 *     ...
 *     CHECK_EQUAL(call_end(get, &item), MQ_OK);
 */
#ifndef E2E_CALL_H
#define E2E_CALL_H

#include <mqc.h>

struct call;

struct call *call_put(struct mqc_queue *queue, const char *text, int64_t timeout_ms);
struct call *call_get(struct mqc_queue *queue, int64_t timeout_ms);
struct call *call_join(struct mqc_queue *queue, int64_t timeout_ms);
struct call *call_get_done(struct mqc_queue *queue, int64_t timeout_ms); /* get, then task_done */

/* Has it returned? */
bool call_is_over(struct call *c);

/* Waits for it to return, within the usual limit. Frees the call. ret_item, which may be NULL, gets the item
 * of a successful get (else NULL); without it the item is freed. */
enum mq_status call_end(struct call *c, struct mqc_item **ret_item);

#endif
