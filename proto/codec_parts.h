/* codec_parts.h - what the codec's own files share; nobody else includes it, and nobody else knows msgpack.
 *
 * A frame is decoded in three steps: shape_fault() checks that it is one whole msgpack array of bounded depth
 * and size, msgpack-c makes objects of it in the codec's zone, and the reading functions below turn objects
 * into the structs of proto.h, field by field. The first fault sticks in `struct fields`, and everything read
 * after it is zero, so that readers need no error handling of their own. Writing works the same way: the
 * first failure sticks in the codec. */
#ifndef MQ_CODEC_PARTS_H
#define MQ_CODEC_PARTS_H

#include <msgpack.h>

#include "codec.h"

enum {
    CODEC_DEPTH_MAX = 8,                  /* arrays and maps within each other; what we send needs 5 */
    CODEC_OBJECTS_MAX = 6 * MQ_ITEMS_MAX, /* an answer of MQ_ITEMS_MAX items with keys needs 5 for each */
    CODEC_CHUNK_SIZE = 256 << 10,         /* scratch memory that is kept from frame to frame */
    CODEC_KEEP_SIZE = 4 << 20 /* a larger output buffer is given back once frames are small again */
};

struct codec {
    msgpack_zone zone; /* objects and decoded lists of the last frame; emptied by the next decode */
    msgpack_packer packer;
    char *out; /* the last encoded frame */
    size_t out_size, out_capacity;
    enum mq_status out_status; /* MQ_OK until writing it failed */
};

/* What is wrong with the bytes as msgpack, or NULL: they are one array, complete, with nothing behind it,
 * without extension types, and within CODEC_DEPTH_MAX and CODEC_OBJECTS_MAX. */
const char *shape_fault(struct bytes frame);

/* The elements of an array, to be read one after another. */
struct fields {
    struct codec *codec; /* whose zone holds the lists that are read */
    const msgpack_object *next;
    size_t left;
    enum mq_status status; /* MQ_OK, or the first fault: MQ_INVALID, MQ_NO_MEMORY */
    const char *why;       /* its text, static */
};

void fields_open(struct fields *f, struct codec *codec, struct bytes frame);
void fields_fail(struct fields *f, const char *why);
void fields_end(struct fields *f); /* it is a fault if any are left */

const msgpack_object *read_object(struct fields *f, msgpack_object_type type); /* NULL after a fault */
uint64_t read_uint(struct fields *f, uint64_t max);
int64_t read_int(struct fields *f);
bool read_bool(struct fields *f);
struct bytes read_text(struct fields *f);
enum mq_status read_status(struct fields *f);
size_t read_list(struct fields *f, size_t max, const msgpack_object **ret_list);
const struct range *read_ranges(struct fields *f, size_t max, size_t *ret_count);
struct ranges read_numbers(struct fields *f); /* ranges of request numbers: ascending, apart */

/* Fields of one element of a list, an array itself; faults must be handed back by fields_join(). */
struct fields fields_of(struct fields *f, const msgpack_object *object);
static inline void fields_join(struct fields *f, struct fields *inner)
{
    fields_end(inner);
    f->status = inner->status;
    f->why = inner->why;
}

/* Room for `count` things of the frame being decoded; NULL: none wanted, or a fault. */
void *fields_room(struct fields *f, size_t count, size_t size);

/* The value of this key of a map, NULL: not there. */
const msgpack_object *map_find(const msgpack_object_map *map, const char *key);

void write_begin(struct codec *c);
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
void read_row(struct fields *f, const struct row_form *form, const msgpack_object_map *map, void *row);

void write_request(struct codec *c, const struct request *request);
void read_request(struct fields *f, struct request *request); /* verb is set, and stands before the fields */
void write_answer(struct codec *c, const struct answer *answer);
void read_answer(struct fields *f, struct answer *answer);

#endif
