/* list.h - a doubly linked list whose nodes live inside the things listed.
 *
 * A node is in one list at most; a node that is in none has next == NULL. Nothing here allocates. */
#ifndef MQ_LIST_H
#define MQ_LIST_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

struct list_node {
    struct list_node *next, *prev;
};

struct list {
    struct list_node head; /* head.next is the first, head.prev the last */
};

/* The struct that contains this node. */
#define CONTAINER_OF(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

static inline void list_init(struct list *list)
{
    list->head.next = list->head.prev = &list->head;
}

static inline bool list_is_empty(const struct list *list)
{
    return list->head.next == &list->head;
}

static inline bool list_has(const struct list_node *node)
{
    return node->next != NULL;
}

static inline void list_insert_before(struct list_node *place, struct list_node *node)
{
    assert(!list_has(node));
    node->prev = place->prev;
    node->next = place;
    place->prev->next = node;
    place->prev = node;
}

static inline void list_append(struct list *list, struct list_node *node)
{
    list_insert_before(&list->head, node);
}

static inline void list_prepend(struct list *list, struct list_node *node)
{
    list_insert_before(list->head.next, node);
}

static inline void list_remove(struct list_node *node)
{
    assert(list_has(node));
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->next = node->prev = NULL;
}

/* First and last; NULL if the list is empty. */
static inline struct list_node *list_first(const struct list *list)
{
    return list_is_empty(list) ? NULL : list->head.next;
}

static inline struct list_node *list_last(const struct list *list)
{
    return list_is_empty(list) ? NULL : list->head.prev;
}

/* The neighbour, NULL at the end. */
static inline struct list_node *list_next(const struct list *list, const struct list_node *node)
{
    return node->next == &list->head ? NULL : node->next;
}

static inline struct list_node *list_prev(const struct list *list, const struct list_node *node)
{
    return node->prev == &list->head ? NULL : node->prev;
}

#endif
