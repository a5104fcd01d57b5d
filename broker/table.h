/* table.h - a hash table of things that carry their own node.
 *
 * Chained, so that adding never fails: growing is tried and, without memory, done without. The caller hashes
 * and compares:
 *     for (n = table_first(t, hash); n; n = table_next(n, hash)) if (CONTAINER_OF(n, ...) is it) ... */
#ifndef MQ_TABLE_H
#define MQ_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_node {
    struct table_node *next;
    uint64_t hash;
};

struct table {
    struct table_node **buckets;
    struct table_node *only[1]; /* the buckets of a table that has never grown */
    size_t mask;                /* bucket count - 1 */
    size_t count;
};

void table_init(struct table *table);
void table_done(struct table *table); /* frees the buckets, not the things */

void table_add(struct table *table, struct table_node *node, uint64_t hash);
void table_remove(struct table *table, struct table_node *node); /* it must be there */

/* The first and next node of exactly this hash; NULL: no more. */
struct table_node *table_first(const struct table *table, uint64_t hash);
struct table_node *table_next(const struct table_node *node, uint64_t hash);

/* Walks all nodes in no order: start with NULL; NULL: no more. The table must not change meanwhile. */
struct table_node *table_walk(const struct table *table, const struct table_node *node);

uint64_t table_hash_number(uint64_t number);
uint64_t table_hash_pair(uint64_t a, uint64_t b);

#endif
