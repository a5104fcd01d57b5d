/* codec_item.c - lists of items, on their way in (puts) and out (get, peek): this is where most bytes and
 * most of the time are. */
#include "codec_pack.h"

#define NOT_A_PUT  "an item is a body, or a body and a key"
#define NOT_A_VIEW "an item is its id, deliveries and body, and maybe a key"

/* --- reading --- */

/* One value within an item: what is of another type is what is wrong with the item. Numbers and bytes are
 * returned, not tokens, which would have to go through memory. */
static inline bool take(struct fields *list, enum token_type type, struct token *ret, const char *why_not)
{
    const char *fault = token_read(&list->cursor, ret);
    if (!fault && ret->type == type)
        return true;
    fields_fail(list, fault ? fault : why_not);
    return false;
}

static inline uint64_t take_uint(struct fields *list, uint64_t max, const char *why_not)
{
    struct token token;
    if (!take(list, TOKEN_UINT, &token, why_not))
        return 0;
    if (token.number <= max)
        return token.number;
    fields_fail(list, why_not);
    return 0;
}

static inline struct bytes take_binary(struct fields *list, const char *why_not)
{
    struct token token;
    return take(list, TOKEN_BINARY, &token, why_not) ? token.bytes : (struct bytes){NULL, 0};
}

static struct bytes take_key(struct fields *list, const char *why_not)
{
    struct bytes key = take_binary(list, why_not);
    if (!key.size)
        fields_fail(list, why_not);
    return key;
}

/* Goes into the array that an item is. */
static void enter(struct fields *list, const struct token *array)
{
    const char *fault = shape_enter(&list->cursor, array, list->depth, &list->objects);
    if (fault)
        fields_fail(list, fault);
}

static inline void read_put_item(struct fields *list, struct put_item *ret)
{
    struct token token;
    const char *fault = token_read(&list->cursor, &token);
    if (!fault && token.type == TOKEN_BINARY) {
        ret->body = token.bytes;
        ret->key = (struct bytes){NULL, 0};
        return;
    }
    if (fault || token.type != TOKEN_ARRAY || token.number != 2) {
        fields_fail(list, fault ? fault : NOT_A_PUT);
        return;
    }
    enter(list, &token);
    ret->body = take_binary(list, NOT_A_PUT);
    ret->key = take_key(list, NOT_A_PUT);
}

const struct put_item *read_put_items(struct fields *f, size_t *ret_count)
{
    struct fields list = read_list(f, MQ_ITEMS_MAX);
    size_t count = list.left;
    struct put_item *items = fields_room(&list, count, sizeof *items);
    for (; list.left && list.status == MQ_OK; list.left--)
        read_put_item(&list, &items[count - list.left]);
    fields_join(f, &list);
    *ret_count = f->status == MQ_OK ? count : 0;
    return items;
}

static inline void read_item_view(struct fields *list, struct item_view *ret)
{
    struct token token;
    if (!take(list, TOKEN_ARRAY, &token, NOT_A_VIEW))
        return;
    if (token.number < 3 || token.number > 4) {
        fields_fail(list, NOT_A_VIEW);
        return;
    }
    enter(list, &token);
    ret->id = take_uint(list, UINT64_MAX, NOT_A_VIEW);
    ret->deliveries = (uint32_t)take_uint(list, UINT32_MAX, NOT_A_VIEW);
    ret->body = take_binary(list, NOT_A_VIEW);
    ret->is_leased = false;
    ret->key = token.number == 4 ? take_key(list, NOT_A_VIEW) : (struct bytes){NULL, 0};
}

const struct item_view *read_item_views(struct fields *f, size_t *ret_count)
{
    struct fields list = read_list(f, MQ_ITEMS_MAX);
    size_t count = list.left;
    struct item_view *items = fields_room(&list, count, sizeof *items);
    for (; list.left && list.status == MQ_OK; list.left--)
        read_item_view(&list, &items[count - list.left]);
    fields_join(f, &list);
    *ret_count = f->status == MQ_OK ? count : 0;
    return items;
}

/* --- writing --- */

size_t codec_item_size(size_t body_size, size_t key_size)
{
    enum { ARRAY = 1, ID = 9, DELIVERIES = 5, BINARY = 5 };
    return ARRAY + ID + DELIVERIES + BINARY + body_size + (key_size ? BINARY + key_size : 0);
}

size_t put_items_size(const struct put_item *items, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += codec_item_size(items[i].body.size, items[i].key.size);
    return size;
}

size_t item_views_size(const struct item_view *items, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += codec_item_size(items[i].body.size, items[i].key.size);
    return size;
}

static inline void pack_binary(struct codec *c, struct bytes bytes)
{
    if (!write_fits(c, bytes))
        return;
    pack_bin(c, bytes.size);
    if (bytes.size)
        pack_bytes(c, bytes.data, bytes.size);
}

/* An item is its body, or [body, key]. */
void write_put_items(struct codec *c, const struct put_item *items, size_t count)
{
    pack_array(c, count);
    for (size_t i = 0; i < count; i++) {
        if (items[i].key.size)
            pack_array(c, 2);
        pack_binary(c, items[i].body);
        if (items[i].key.size)
            pack_binary(c, items[i].key);
    }
}

/* An item is [id, deliveries, body], in a priority queue [id, deliveries, body, key]. */
void write_item_views(struct codec *c, const struct item_view *items, size_t count)
{
    pack_array(c, count);
    for (size_t i = 0; i < count; i++) {
        pack_array(c, items[i].key.size ? 4 : 3);
        pack_uint64(c, items[i].id);
        pack_uint32(c, items[i].deliveries);
        pack_binary(c, items[i].body);
        if (items[i].key.size)
            pack_binary(c, items[i].key);
    }
}
