/* stranger.h - files in a data directory that are somebody else's, though they have a name that mq-broker
 * uses: it may be the wrong directory. */
#ifndef MQ_STRANGER_H
#define MQ_STRANGER_H

#include "disk.h"

/* Where there is a log all such files are mq-broker's. Else what it leaves behind is an empty lock, an empty
 * shelf, and spare files that have nothing in them yet, or the beginning of a segment. 0: *ret_name is the
 * name of another one, or ""; else a negative errno. Touches nothing. */
int stranger_find(struct disk *disk, char ret_name[DISK_NAME_MAX]);

#endif
