/* journal_state.h - what the journal knows. Private to journal_*.c.
 *
 * Groups are counted by their sequence: those below `written` have been written, those below `synced` are on
 * disk. */
#ifndef MQ_JOURNAL_STATE_H
#define MQ_JOURNAL_STATE_H

#include "journal.h"

enum {
    PREPARE_PIECE = 4 << 20, /* bytes of zeros a job: other work of that hand need not wait long */
    SPARES_MORE = 2,         /* than the reserve are kept, at most */
    GROWING = 3,             /* so many segments were opened since one was dropped: the log grows */
    READ_PIECE = 1 << 20,
    RETRY_MS = 1000 /* so long after the disk was full */
};

/* The group that has been taken and is not yet written. */
struct taken {
    uint8_t *data; /* NULL: none */
    size_t size, capacity;
    uint64_t position, sequence, offset;
    uint64_t since_ms;
    uint64_t spare;  /* the file that it makes a segment; 0: it goes on in the last one */
    bool is_blocked; /* there was no room; waits until some is made */
    bool has_waited; /* there was none once */
};

/* The segment that is being read. */
struct reader {
    uint64_t segment;              /* 0: none */
    uint64_t at;                   /* offset of the next group; 0: of the segment's head */
    uint64_t told;                 /* what *ret_next was */
    uint64_t sequence;             /* of the next group */
    uint64_t end;                  /* the sequence with which the next segment begins; 0: not yet known */
    uint8_t *data;                 /* bytes of `of`, from `from` on */
    size_t capacity, size, wanted; /* that are there; that were asked for */
    uint64_t of, from;
    bool is_wanted;    /* they are to be read, or being read */
    uint64_t retry_ms; /* not before */
};

struct journal {
    struct journal_options options;
    uint64_t salt, now_ms;
    bool is_busy[JOURNAL_HANDS];
    bool has_failed, hurries;
    int error; /* of the failure */

    uint64_t first, last; /* segments; last 0: none yet */
    uint64_t used;        /* of the last one: where the next group goes */
    uint64_t length;      /* ... of its file */
    bool begins_anew;     /* with an interval: what this process writes goes to a segment of its own */
    bool has_opened;      /* ... and that is on disk */
    uint64_t opened;      /* ... bytes that head and checkpoint took; 0: not known */
    bool is_named;        /* ... its name is on disk */
    uint64_t sequence;    /* of the next group */

    struct taken group;
    uint8_t *empty; /* a block that is done with; NULL: none */
    size_t empty_capacity;
    uint64_t safe, written_position, on_disk; /* positions */
    uint64_t written, synced;                 /* sequences */
    uint64_t due_ms;                          /* of the next sync; UINT64_MAX: all is synced */
    uint64_t unsynced_ms;                     /* when the oldest of what is not was taken */
    uint64_t syncing;                         /* sequence below which all is synced by the sync under way */

    uint64_t spares;              /* ready: bit n - 1 */
    uint64_t preparing, prepared; /* spare file that is being made, and its bytes; 0: none */
    bool had_reserve;             /* it has been whole since the beginning */
    int full;                     /* errno because of which there was no room; 0: there is */
    uint64_t retry_ms;
    uint64_t drop_to, drop_after; /* segments up to it, when groups below this sequence are on disk */
    uint64_t drop_retry_ms;       /* ... and not before */
    uint64_t discard_retry_ms;    /* a spare that could not be removed is not tried again before */
    uint64_t openings;            /* since a segment was dropped */
    struct reader reader;

    uint64_t size, log;                 /* bytes of all files, of segments */
    uint64_t limit;                     /* of all but the reserve */
    uint64_t unsafe, unsynced;          /* bytes taken and not yet on disk; of these: written */
    uint64_t groups, bytes, sync_count; /* since the start */
};

/* journal.c */
void journal_fail(struct journal *j, int error);
bool journal_is_room_error(int error); /* nothing has happened, it may work later */
void journal_no_room(struct journal *j, int error);

/* journal_files.c */
uint32_t journal_spare_count(const struct journal *j);
uint64_t journal_pick_spare(struct journal *j); /* takes a ready one */
bool journal_filer_job(struct journal *j, struct journal_job *job);
uint64_t journal_filer_deadline_ms(const struct journal *j);
void journal_filer_done(struct journal *j, const struct journal_job *job);

/* journal_read.c */
bool journal_reader_job(struct journal *j, struct journal_job *job);
void journal_reader_done(struct journal *j, const struct journal_job *job);
void journal_reader_forget(struct journal *j, uint64_t segment);

#endif
