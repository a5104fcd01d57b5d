/* client.h - short forms of the client library's calls, for tests that are about something else: each expects
 * to succeed. They may also be used by children and threads of a test. */
#ifndef E2E_CLIENT_H
#define E2E_CLIENT_H

#include <mqc.h>

#include "wait.h"

/* REQUIREs that a call returns MQ_OK. */
#define OK(call) REQUIRE((call) == MQ_OK)

struct mqc *client_open(const char *endpoint);
struct mqc *client_with_patience(const char *endpoint); /* waits for a broker for a minute */
struct mqc_queue *queue_open(struct mqc *mqc, const char *name);
struct mqc_queue *queue_bounded(struct mqc *mqc, const char *name, int64_t maxsize);
struct mqc_queue *queue_of_kind(struct mqc *mqc, const char *name, enum mq_kind kind, int64_t maxsize);

void put_text(struct mqc_queue *queue, const char *text);
uint64_t put_for_id(struct mqc_queue *queue);       /* anything; the id that it gets */
void put_texts(struct mqc_queue *queue, int count); /* "0", "1", ... */

/* Gets without waiting, compares, and says task_done. */
void take_text(struct mqc_queue *queue, const char *text);
struct mqc_item *get_item(struct mqc_queue *queue);
bool item_is(const struct mqc_item *item, const char *text);

struct mqc_queue_stat stat_of(struct mqc_queue *queue);
struct mqc_broker_stat broker_stat_of(struct mqc *mqc);

/* The status of a get that finds nothing, so that no item has to be freed. */
enum mq_status try_get(struct mqc_queue *queue, int64_t timeout_ms);
enum mq_status try_put(struct mqc_queue *queue, int64_t timeout_ms);

#endif
