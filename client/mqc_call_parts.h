/* mqc_call_parts.h - what the files of mqc_call.h share. */
#ifndef MQ_MQC_CALL_PARTS_H
#define MQ_MQC_CALL_PARTS_H

#include "mqc_call.h"

void call_free(struct call *call);
void call_wake(struct call *call);       /* its thread, to look at what has changed */
void call_end_orphan(struct call *call); /* call_orphan() is over */
bool call_is_about_leases(enum mq_verb verb);

#endif
