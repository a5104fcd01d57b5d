/* team.c - see team.h. */
#include "team.h"

#include <pthread.h>
#include <stdlib.h>

#include "wait.h"

struct team_place {
    struct team *team;
    int index;
    pthread_t thread;
};

struct team {
    team_member *member;
    void *context;
    int count;
    struct team_place places[TEAM_MAX];
};

static void *play(void *context)
{
    struct team_place *place = context;
    place->team->member(place->team->context, place->index);
    return NULL;
}

struct team *team_start(int count, team_member *member, void *context)
{
    struct team *team = calloc(1, sizeof *team);
    REQUIRE(team != NULL && count <= TEAM_MAX);
    *team = (struct team){.member = member, .context = context, .count = count};
    for (int i = 0; i < count; i++) {
        team->places[i] = (struct team_place){.team = team, .index = i};
        REQUIRE(pthread_create(&team->places[i].thread, NULL, play, &team->places[i]) == 0);
    }
    return team;
}

void team_end(struct team *team)
{
    for (int i = 0; i < team->count; i++)
        REQUIRE(pthread_join(team->places[i].thread, NULL) == 0);
    free(team);
}
