/* team.h - a number of threads that run the same function; `context` is passed to each with its index. */
#ifndef E2E_TEAM_H
#define E2E_TEAM_H

enum { TEAM_MAX = 128 };

struct team;
typedef void team_member(void *context, int index);

struct team *team_start(int count, team_member *member, void *context);
void team_end(struct team *team); /* waits for all; ctest limits how long */

#endif
