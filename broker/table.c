/* table.c - see table.h.
 *
 * Twice as many buckets when there are more things than buckets, half as many when there are eight buckets
 * a thing. Either needs memory for the new buckets; without it the table stays as it is, slower or larger
 * than it should be. */
#include "table.h"

#include <assert.h>
#include <stdlib.h>

/* Of a table that has grown; and what is not worth giving back. */
enum { BUCKETS_MIN = 16, BUCKETS_KEPT = 1024 };

void table_init(struct table *table)
{
    *table = (struct table){.mask = 0};
    table->buckets = table->only;
}

void table_done(struct table *table)
{
    if (table->buckets != table->only)
        free(table->buckets);
    table_init(table);
}

static void try_resize(struct table *table, size_t bucket_count)
{
    struct table_node **buckets = calloc(bucket_count, sizeof(struct table_node *));
    if (!buckets)
        return;
    for (size_t i = 0; i <= table->mask; i++) {
        for (struct table_node *node = table->buckets[i], *next; node; node = next) {
            struct table_node **bucket = &buckets[node->hash & (bucket_count - 1)];
            next = node->next;
            node->next = *bucket;
            *bucket = node;
        }
    }
    if (table->buckets != table->only)
        free(table->buckets);
    table->buckets = buckets;
    table->mask = bucket_count - 1;
}

void table_add(struct table *table, struct table_node *node, uint64_t hash)
{
    size_t bucket_count = table->mask + 1;
    if (table->count >= bucket_count)
        try_resize(table, bucket_count < BUCKETS_MIN ? BUCKETS_MIN : 2 * bucket_count);
    struct table_node **bucket = &table->buckets[hash & table->mask];
    node->hash = hash;
    node->next = *bucket;
    *bucket = node;
    table->count++;
}

void table_remove(struct table *table, struct table_node *node)
{
    struct table_node **link = &table->buckets[node->hash & table->mask];
    while (*link != node) {
        assert(*link);
        link = &(*link)->next;
    }
    *link = node->next;
    node->next = NULL;
    table->count--;
    size_t bucket_count = table->mask + 1;
    if (bucket_count > BUCKETS_KEPT && table->count < bucket_count / 8)
        try_resize(table, bucket_count / 2);
}

static struct table_node *of_hash(struct table_node *node, uint64_t hash)
{
    while (node && node->hash != hash)
        node = node->next;
    return node;
}

struct table_node *table_first(const struct table *table, uint64_t hash)
{
    return of_hash(table->buckets[hash & table->mask], hash);
}

struct table_node *table_next(const struct table_node *node, uint64_t hash)
{
    return of_hash(node->next, hash);
}

struct table_node *table_walk(const struct table *table, const struct table_node *node)
{
    if (node && node->next)
        return node->next;
    for (size_t i = node ? (size_t)(node->hash & table->mask) + 1 : 0; i <= table->mask; i++)
        if (table->buckets[i])
            return table->buckets[i];
    return NULL;
}

uint64_t table_hash_number(uint64_t number)
{
    number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9u;
    number = (number ^ (number >> 27)) * 0x94d049bb133111ebu;
    return number ^ (number >> 31);
}

uint64_t table_hash_pair(uint64_t a, uint64_t b)
{
    return table_hash_number(a * 0x9E3779B97F4A7C15u + b);
}
