/* codec_parts.h - what the codec's own files share; besides them only dump.c and one of the tests include it,
 * and nobody else knows msgpack.
 *
 * A frame is decoded in one pass: the reading functions below take the structs of proto.h straight from its
 * bytes, field by field, with a cursor that knows the frame's end and counts depth and objects. The first
 * fault sticks in `struct fields`, and everything read after it is zero, so that readers need no error
 * handling of their own. Lists go to the codec's zone. Writing works the same way: the first failure sticks
 * in the codec. The packing is msgpack-c's. */
#ifndef MQ_CODEC_PARTS_H
#define MQ_CODEC_PARTS_H

#include <msgpack.h>

#include "codec.h"
#include "codec_token.h"

enum {
    CODEC_DEPTH_MAX = 8,                  /* arrays and maps within each other; what we send needs 5 */
    CODEC_OBJECTS_MAX = 6 * MQ_ITEMS_MAX, /* an answer of MQ_ITEMS_MAX items with keys needs 5 for each */
    CODEC_CHUNK_SIZE = 256 << 10,         /* scratch memory that is kept from frame to frame */
    CODEC_KEEP_SIZE = 4 << 20 /* a larger output buffer is given back once frames are small again */
};

struct codec {
    msgpack_zone zone; /* decoded lists of the last frame; emptied by the next decode */
    char *memory;      /* CODEC_HEAD_SIZE bytes that are nobody's, then the last encoded frame; NULL: none */
    char *out;         /* that frame */
    size_t out_size, out_capacity;
    enum mq_status out_status; /* MQ_OK until writing it failed */
};

#define SHAPE_LEFT_OVER "frame has bytes left over"

/* What is wrong with the bytes as msgpack, or NULL: they are one array, complete, with nothing behind it,
 * without extension types, and within CODEC_DEPTH_MAX and CODEC_OBJECTS_MAX. */
const char *shape_fault(struct bytes frame);
/* Steps over one value, `depth` containers deep; counts what it holds. */
const char *shape_skip(struct cursor *c, size_t depth, size_t *objects);
/* May the elements of this array or map, which has just been read, be entered? Counts them. */
const char *shape_enter(const struct cursor *c, const struct token *container, size_t depth, size_t *objects);

/* The elements of an array or map (keys and values), to be read one after another. */
struct fields {
    struct codec *codec; /* whose zone holds the lists that are read */
    struct cursor cursor;
    size_t left;
    size_t depth, objects; /* containers around, objects announced so far */
    enum mq_status status; /* MQ_OK, or the first fault: MQ_INVALID, MQ_NO_MEMORY */
    const char *why;       /* its text, static */
};

#define WRONG_TYPE "a field has the wrong type"

void fields_open(struct fields *f, struct codec *codec, struct bytes frame);
/* The verdict about the frame: all of it has been read, or what is wrong. */
enum mq_status fields_close(struct fields *f, struct bytes frame, const char **ret_why);
void fields_fail(struct fields *f, const char *why);
void fields_end(struct fields *f);                     /* it is a fault if any are left */
void fields_skip(struct fields *f, size_t count);      /* steps over so many */
bool fields_next(struct fields *f, struct token *ret); /* any; false: there is a fault */

uint64_t read_uint(struct fields *f, uint64_t max);
int64_t read_int(struct fields *f);
bool read_bool(struct fields *f);
struct bytes read_text(struct fields *f);
struct bytes read_binary(struct fields *f);
enum mq_status read_status(struct fields *f);
const struct range *read_ranges(struct fields *f, size_t max, size_t *ret_count);
struct ranges read_numbers(struct fields *f); /* ranges of request numbers: ascending, apart */

/* What is inside a field: the elements of an array, at most `max`, or keys and values of a map. To be read
 * before the next field, and handed back by fields_join(). */
struct fields fields_of(struct fields *f, enum token_type type, size_t max, const char *why_not);
struct fields read_list(struct fields *f, size_t max);
struct fields read_map(struct fields *f);
static inline void fields_join(struct fields *f, struct fields *inner)
{
    fields_end(inner);
    f->cursor = inner->cursor;
    f->objects = inner->objects;
    f->status = inner->status;
    f->why = inner->why;
}

/* The next key of a map, no bytes if it is not a text; its value comes next. False: no more, or a fault. */
bool read_key(struct fields *map, struct bytes *ret);
void skip_map(struct fields *f); /* one whose keys are all from later days */
bool is_word(struct bytes text, const char *word);

/* Room for `count` things of the frame being decoded; NULL: none wanted, or a fault. */
void *fields_room(struct fields *f, size_t count, size_t size);

/* `size` is an estimate: what it is good for is memory of the right size. */
void write_begin(struct codec *c, size_t size);
enum mq_status write_end(struct codec *c, struct bytes *ret_frame);
void write_fail(struct codec *c, enum mq_status status);
void write_array(struct codec *c, size_t count);
void write_map(struct codec *c, size_t count);
void write_uint(struct codec *c, uint64_t value);
void write_int(struct codec *c, int64_t value);
void write_bool(struct codec *c, bool value);
void write_text(struct codec *c, struct bytes text);
void write_word(struct codec *c, const char *word);
void write_binary(struct codec *c, struct bytes bytes);
void write_ranges(struct codec *c, const struct range *list, size_t count);

/* Rows: structs that travel as maps from the field's name to its value. */
enum column_type { COLUMN_U64, COLUMN_U32, COLUMN_I64, COLUMN_BOOL, COLUMN_TEXT, COLUMN_KIND, COLUMN_WAITS };

struct column {
    const char *name;
    enum column_type type;
    size_t offset;
    size_t count_offset; /* COLUMN_WAITS: where their count is */
};

struct row_form {
    const struct column *columns;
    size_t count;
};

extern const struct row_form queue_row, broker_row, session_row, limits_row;

void write_row(struct codec *c, const struct row_form *form, const void *row);
/* Sets the columns that the map names; unknown keys are ignored. */
void read_row(struct fields *f, const struct row_form *form, void *row);

/* Settings travel as a map of those that are given. */
void write_settings(struct codec *c, const struct settings *settings);
void read_settings(struct fields *f, struct settings *settings);

/* Items of puts and of answers. */
size_t put_items_size(const struct put_item *items, size_t count);
size_t item_views_size(const struct item_view *items, size_t count);
void write_put_items(struct codec *c, const struct put_item *items, size_t count);
void write_item_views(struct codec *c, const struct item_view *items, size_t count);
const struct put_item *read_put_items(struct fields *f, size_t *ret_count);
const struct item_view *read_item_views(struct fields *f, size_t *ret_count);

size_t request_size(const struct request *request); /* about: for write_begin() */
size_t answer_size(const struct answer *answer);
void write_request(struct codec *c, const struct request *request);
void read_request(struct fields *f, struct request *request); /* verb is set, and stands before the fields */
void write_answer(struct codec *c, const struct answer *answer);
void read_answer(struct fields *f, struct answer *answer);

#endif
