/* unit_guard.c - one broker for one ipc path, whatever lies there. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "guard.h"
#include "unit.h"

static char directory[32], path[64], lock[72], error[256];

static void begin(void)
{
    strcpy(directory, "/tmp/mq-guard-XXXXXX");
    CHECK(mkdtemp(directory) != NULL);
    snprintf(path, sizeof path, "%s/socket", directory);
    snprintf(lock, sizeof lock, "%s.lock", path);
    error[0] = '\0';
}

static void end(void)
{
    unlink(path);
    CHECK(rmdir(directory) == 0); /* so nothing else is left */
}

static int listen_at_path(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 1) == 0);
    return fd;
}

static enum guard_result take(struct guard *guard)
{
    return guard_take(guard, path, error, sizeof error);
}

static void a_path_has_one_guard_at_a_time(void)
{
    struct guard first, second;
    begin();
    CHECK_EQUAL(take(&first), GUARD_OK);
    CHECK_EQUAL(take(&second), GUARD_IN_USE);
    CHECK(strstr(error, "in use by another mq-broker") != NULL);
    CHECK(second.fd < 0 && access(lock, F_OK) == 0);
    guard_release(&second); /* nothing */
    CHECK_EQUAL(take(&second), GUARD_IN_USE);
    guard_release(&first);
    CHECK_EQUAL(take(&second), GUARD_OK);
    guard_release(&second);
    end();
}

static void a_release_removes_socket_and_lock(void)
{
    struct guard guard;
    begin();
    CHECK_EQUAL(take(&guard), GUARD_OK);
    int fd = listen_at_path();
    guard_release(&guard);
    CHECK(access(path, F_OK) != 0 && access(lock, F_OK) != 0);
    guard_release(&guard); /* a second time is nothing */
    close(fd);
    end();
}

static void what_a_dead_program_left_is_removed(void)
{
    struct guard guard;
    begin();
    close(listen_at_path());
    close(open(lock, O_CREAT | O_RDWR, 0600));
    CHECK_EQUAL(take(&guard), GUARD_OK);
    CHECK(access(path, F_OK) != 0);
    guard_release(&guard);
    end();
}

static void where_somebody_listens_nothing_is_touched(void)
{
    struct guard guard;
    begin();
    int fd = listen_at_path();
    CHECK_EQUAL(take(&guard), GUARD_IN_USE);
    CHECK(strstr(error, "in use by another program") != NULL);
    CHECK(access(path, F_OK) == 0 && access(lock, F_OK) != 0);
    close(fd);
    end();
}

static void a_file_that_is_no_socket_is_not_touched(void)
{
    struct guard guard;
    begin();
    close(open(path, O_CREAT | O_RDWR, 0600));
    CHECK_EQUAL(take(&guard), GUARD_BAD_PATH);
    CHECK(strstr(error, "not a socket") != NULL);
    CHECK(access(path, F_OK) == 0 && access(lock, F_OK) != 0);
    end();
}

static void a_lock_that_is_a_symbolic_link_is_not_followed(void)
{
    struct guard guard;
    begin();
    CHECK(symlink("elsewhere", lock) == 0);
    CHECK_EQUAL(take(&guard), GUARD_BAD_PATH);
    CHECK(strstr(error, "cannot lock") != NULL);
    CHECK(unlink(lock) == 0);
    end();
}

static void a_path_in_no_directory_is_bad(void)
{
    struct guard guard;
    CHECK_EQUAL(guard_take(&guard, "/no/such/directory/socket", error, sizeof error), GUARD_BAD_PATH);
    CHECK(strstr(error, "cannot lock /no/such/directory/socket.lock") != NULL);
}

static const struct unit_test tests[] = {
    UNIT(a_path_has_one_guard_at_a_time),          UNIT(a_release_removes_socket_and_lock),
    UNIT(what_a_dead_program_left_is_removed),     UNIT(where_somebody_listens_nothing_is_touched),
    UNIT(a_file_that_is_no_socket_is_not_touched), UNIT(a_lock_that_is_a_symbolic_link_is_not_followed),
    UNIT(a_path_in_no_directory_is_bad),
};

int main(void)
{
    return unit_run("guard", tests, sizeof tests / sizeof *tests);
}
