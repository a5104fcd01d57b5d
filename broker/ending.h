/* ending.h - how the process ends: its exit codes. What is not OK comes with one line that says why. */
#ifndef MQ_ENDING_H
#define MQ_ENDING_H

enum ending {
    ENDING_OK = 0,
    ENDING_NO_DIRECTORY = 66, /* what is to be checked or salvaged is not there */
    ENDING_INTERNAL = 70,     /* no memory, say */
    ENDING_DISK = 74,         /* reading or writing failed */
    ENDING_IN_USE = 75,       /* an endpoint or the data directory, by somebody else */
    ENDING_BAD = 78           /* configuration, or the data directory: people have to look at it */
};

#endif
