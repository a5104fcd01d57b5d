/* contract.h - what the programs contract_*.c share: they hold a real broker, through the client library, to
 * the rules of Python's queue.Queue. Each rule runs over both ends of a queue: `mine` in the test's own
 * thread, `theirs` in others. With the argument "one" both are the same handle, with "two" they belong to two
 * clients. */
#ifndef E2E_CONTRACT_H
#define E2E_CONTRACT_H

#include "call.h"
#include "client.h"

enum { CAPACITY = 5 };

struct ends {
    struct mqc_queue *mine, *theirs;
    enum mq_kind kind;
};

struct ends queue_new(enum mq_kind kind, int64_t maxsize); /* of a name not used before */
void queue_drop(struct ends q);

bool is_full(struct mqc_queue *queue);

/* An item with a number as its body and, on a priority queue, as its key. */
enum mq_status put_number(struct ends q, int number, int64_t timeout_ms);
void fill(struct ends q); /* up to CAPACITY: 0, 1, ... */
void take_number(struct mqc_queue *queue, int number);
void drain(struct ends q); /* takes what fill() put, in the right order */

/* Runs a rule for FIFO, LIFO and priority queues. */
void for_each_kind(void (*rule)(enum mq_kind kind));

/* A number of threads that run the same function; `context` is passed to each with its index. */
struct team;
typedef void team_member(void *context, int index);
struct team *team_start(int count, team_member *member, void *context);
void team_end(struct team *team); /* waits for all; ctest limits how long */

struct mqc *contract_client(int index); /* 0: the one of `mine`, 1: of `theirs` */

int contract_run(int argc, char **argv, const struct unit_test *tests, size_t count);

#endif
