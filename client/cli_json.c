/* cli_json.c - see cli_json.h. */
#include "cli_json.h"
#include "proto.h"

#include <math.h>
#include <stdlib.h>

static void encode_group(const uint8_t *in, size_t count, char *out)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = (uint32_t)in[0] << 16;
    bits |= count > 1 ? (uint32_t)in[1] << 8 : 0;
    bits |= count > 2 ? in[2] : 0;
    for (size_t i = 0; i < 4; i++)
        out[i] = i <= count ? letters[bits >> (18 - 6 * i) & 63] : '=';
}

json_t *cli_json_base64(const void *data, size_t size)
{
    const uint8_t *in = data;
    size_t length = (size + 2) / 3 * 4;
    char *text = malloc(length + 1);
    if (!text)
        return NULL;
    for (size_t i = 0; i < size; i += 3)
        encode_group(in + i, size - i < 3 ? size - i : 3, text + i / 3 * 4);
    json_t *string = json_stringn_nocheck(text, length);
    free(text);
    return string;
}

static json_t *real(double value)
{
    /* JSON has no infinity. */
    if (isinf(value))
        return json_string(value > 0 ? "Infinity" : "-Infinity");
    return json_real(value);
}

static json_t *tuple(struct mqc_key key)
{
    json_t *array = json_array();
    for (size_t i = 0; i < key.count; i++)
        if (json_array_append_new(array, cli_json_key(key.elements[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

json_t *cli_json_key(struct mqc_key key)
{
    switch (key.type) {
    case MQ_KEY_INT:
        return json_integer(key.integer);
    case MQ_KEY_DOUBLE:
        return real(key.real);
    case MQ_KEY_STRING:
        return json_stringn(key.data, key.size);
    case MQ_KEY_BYTES:
        return json_pack("{s:o}", "base64", cli_json_base64(key.data, key.size));
    case MQ_KEY_TUPLE:
        return tuple(key);
    case MQ_KEY_NONE:
        break;
    }
    return json_null();
}

json_t *cli_json_item(const struct mqc_item *item)
{
    const char *body = mqc_item_size(item) ? mqc_item_body(item) : "";
    size_t size = mqc_item_size(item);
    bool is_text = mq_utf8_is_valid((struct bytes){body, size});
    return json_pack("{s:s, s:I, s:o, s:I, s:o}", "queue", mqc_item_queue_name(item), "id",
                     (json_int_t)mqc_item_id(item), "priority", cli_json_key(mqc_item_priority(item)),
                     "deliveries", (json_int_t)mqc_item_deliveries(item), is_text ? "body" : "body_base64",
                     is_text ? json_stringn_nocheck(body, size) : cli_json_base64(body, size));
}
