/* contract.h - what the programs contract_*.c share: they hold a real broker, through the client library, to
 * the rules of Python's queue.Queue. Each rule runs over both ends of a queue: `mine` in the test's own
 * thread, `theirs` in others. With the argument "one" both are the same handle, with "two" they belong to two
 * clients.
 *
 * The rules, as CPython's test_queue.py checks them (where mq differs on purpose, README.md says how):
 * - Each kind: 1 a new queue is empty. 2 The order of the kind. 3 Full after maxsize puts. 4 put without
 * waiting on a full queue: Full. 5 With a time-out: Full after it. 6 A blocking put waits for a get. 7 With
 * a time-out too. 8 Emptying. 9 get on an empty queue: Empty, at once or after the time-out. 10 A blocking
 * get waits for a put. 11 A queue can be used again. 12 task_done on a fresh queue: one too many. 13 join
 * waits for every task_done. 14 Again. 15 One task_done more: too many. 16 Negative time-outs are errors. 17
 * nowait up to maxsize. 18 Shrinking below the size: stays full.
 * - Shutdown: 19 of an empty queue: put and get are refused. 20 What waits is delivered. 21 Immediate:
 * discarded. 22 Repeated, never undone. 23 Graceful in one thread. 24 Immediate in one thread. 25, 26 In a
 * rush of writers and readers, graceful and immediate. 27 Three getters, two items. 28 Getters after
 * immediate. 29 Waiting putters. 30, 31 Joiners, immediate and graceful. 32 put and join. 33 Getters and
 * joiners. 34 A blocked getter is woken.
 * - Failures: 35 A put that fails leaves the queue usable. 36 A get that fails leaves the item. 37 Again.
 * - SimpleQueue: 38 Sizes and order. 39 Empty. 40 Negative time-out. 41 One producer, one consumer: in
 * order. 42 Fifty of each lose and double nothing. 43 Nor when polling or with tiny time-outs. 44 What was
 * taken is let go. 45 put within put (mq: no call but mqc_interrupt may be made in a signal handler). */
#ifndef E2E_CONTRACT_H
#define E2E_CONTRACT_H

#include "call.h"
#include "client.h"
#include "team.h"

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

struct mqc *contract_client(int index); /* 0: the one of `mine`, 1: of `theirs` */

int contract_run(int argc, char **argv, const struct unit_test *tests, size_t count);

#endif
