/* model_parts.h - what the model's files share: model.c (numbers, time), model_session.c (sessions),
 * model_reply.c (answers compared), model_items.c (items and who is served), model_rules.c (requests),
 * model_look.c (inspection), model_log.c (what must survive). */
#ifndef SIM_MODEL_PARTS_H
#define SIM_MODEL_PARTS_H

#include "model.h"

/* model.c */
size_t model_find_item(const struct model *m, uint64_t id); /* index; item_count: none */
struct model_call *model_call(const struct model *m, const struct model_session *s, uint64_t number);
/* The session's call with the lowest number above this one; NULL: none. */
struct model_call *model_next_call(const struct model *m, const struct model_session *s, uint64_t after);
/* The item that this get handed out next after this turn, of those that are still held; NULL: none is. */
struct model_item *model_next_taken(const struct model *m, const struct model_call *call, uint64_t after);
struct model_session *model_session_of(const struct model *m, const void *peer);
void model_add_call(struct model *m, struct model_call *call);
void model_add_item(struct model *m, struct model_item *item);
void model_free_call(struct model_call *call);
void model_remove_call(struct model *m, struct model_call *call);
uint64_t model_count_calls(const struct model *m, const struct model_session *s, bool waiting);
void model_answer(struct model *m, struct model_call *call, enum mq_status status);
void model_confirm_numbers(struct model *m, struct model_session *s, struct ranges confirms);
void model_owe_nothing(struct model *m, const struct model_session *s);

/* model_session.c */
void model_end_session(struct model *m, struct model_session *s);
void model_free_session(struct model *m, struct model_session *s);
/* The ended one that is forgotten next; NULL: none. */
struct model_session *model_first_ended(const struct model *m, size_t *ret_count);

/* model_items.c */
uint64_t model_room(const struct model *m, const struct model_queue *q);
bool model_is_before(const struct model_item *a, const struct model_item *b);
struct model_item *model_first(const struct model *m, const struct model_queue *q); /* NULL: none waits */
bool model_memory_fits(const struct model *m, const struct model_queue *q, size_t cost);
size_t model_stored_cost(const struct model *m);
size_t model_unstored_cost(const struct model *m);
size_t model_unstored_size(const struct model *m, const struct model_session *s);
bool model_waits_in(const struct model_call *call, const struct model_queue *q, enum mq_verb verb);
struct model_call *model_first_in_line(const struct model *m, const struct model_queue *q, enum mq_verb verb);
void model_answer_line(struct model *m, const struct model_queue *q, enum mq_verb verb,
                       enum mq_status status);
bool model_has_credit(const struct model *m, const struct model_session *s);
uint64_t model_unconfirmed_size(const struct model *m, const struct model_session *s);
uint64_t model_frame_room(const struct model *m); /* bytes of items in one answer */
void model_mark(struct model *m, struct model_queue *q);
void model_unmark(struct model *m, const struct model_queue *q);
bool model_serve(struct model *m, struct model_queue *q);
void model_settle(struct model *m);
void model_done(struct model *m, struct model_item *item);
void model_discard(struct model *m, struct model_item *item);
size_t model_discard_ready(struct model *m, struct model_queue *q);
void model_return(struct model *m, struct model_item *item, bool untouched, bool remember);
void model_remember_lost(struct model_session *s, uint64_t id);

/* model_log.c: facts are written. */
bool model_is_noted(const struct model *m, const struct model_queue *q); /* do facts tell of its items? */
void model_note(struct model *m, struct model_call *call);               /* an answer waits for this one */
void model_note_lazily(struct model *m);
void model_note_ids(struct model *m);
void model_need_all(struct model *m);
bool model_refuses(const struct model *m, const struct model_queue *q); /* puts wait, for the log's sake */

/* model_rules.c */
void model_start(struct model *m, struct model_call *call, const struct request *req);
void model_expire(struct model *m, struct model_call *call);

/* model_look.c */
void model_look(struct model *m, struct model_call *call, const struct request *req);
void model_compare_look(const struct model_call *call, const struct answer *answer);

#endif
