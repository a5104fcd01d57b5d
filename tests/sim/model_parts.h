/* model_parts.h - what the model's files share: model.c (sessions, numbers, time, replies), model_items.c
 * (items and who is served), model_rules.c (requests), model_look.c (inspection). */
#ifndef SIM_MODEL_PARTS_H
#define SIM_MODEL_PARTS_H

#include "model.h"

/* model.c */
size_t model_find_item(const struct model *m, uint64_t id); /* index; item_count: none */
uint64_t model_count_calls(const struct model *m, const struct model_session *s, bool waiting);
void model_answer(struct model *m, struct model_call *call, enum mq_status status);

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

/* model_rules.c */
void model_start(struct model *m, struct model_call *call, const struct request *req);
void model_expire(struct model *m, struct model_call *call);

/* model_look.c */
void model_look(struct model *m, struct model_call *call, const struct request *req);
void model_compare_look(const struct model_call *call, const struct answer *answer);

#endif
