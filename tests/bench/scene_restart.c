/* scene_restart.c - how long a broker with many items takes to be ready again.
 *
 *     scene_restart BROKER DIRECTORY COUNT
 *
 * Starts a broker of its own on a new data directory, fills a FIFO queue, kills it, starts it again, stops
 * the clock at the ready line, counts the items, and removes the directory. */
#include "clock.h"
#include "scene.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BATCH = 8000, LINE = 512, PATH = 4096 };

struct broker {
    pid_t pid;
    double ready_s; /* from its start */
    char endpoint[LINE];
};

static void read_ready(int fd, struct broker *broker)
{
    char line[LINE];
    FILE *out = fdopen(fd, "r");
    if (!out || !fgets(line, sizeof line, out) ||
        sscanf(line, "mq-broker ready %511s", broker->endpoint) != 1)
        scene_fail("the broker did not get ready");
    fclose(out);
}

static struct broker start(const char *program, const char *directory)
{
    struct broker broker;
    int out[2];
    double start_s = clock_now_s();
    if (pipe(out) || (broker.pid = fork()) < 0)
        scene_fail("cannot start");
    if (broker.pid == 0) {
        dup2(out[1], STDOUT_FILENO);
        close(out[0]);
        close(out[1]);
        execl(program, program, "--bind", "tcp://127.0.0.1:0", "--memory-limit", "64G", "--data", directory,
              "--log-level", "error", (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    read_ready(out[0], &broker);
    broker.ready_s = clock_now_s() - start_s;
    return broker;
}

static void end(struct broker *broker)
{
    kill(broker->pid, SIGKILL);
    waitpid(broker->pid, NULL, 0);
}

static void fill(const struct broker *broker, size_t count)
{
    struct mqc *mqc = scene_client(broker->endpoint);
    struct mqc_queue *queue = scene_queue(mqc, "restart", MQ_KIND_FIFO);
    for (size_t left = count; left > 0; left -= left < BATCH ? left : BATCH)
        scene_put(mqc, queue, left < BATCH ? left : BATCH, NULL);
    mqc_queue_close(queue);
    mqc_close(mqc);
}

static void count_items(const struct broker *broker, size_t count)
{
    struct mqc *mqc = scene_client(broker->endpoint);
    struct mqc_queue *queue = scene_queue(mqc, "restart", MQ_KIND_FIFO);
    struct mqc_queue_stat stat;
    scene_check(mqc, mqc_stat(queue, &stat));
    if (stat.size != count)
        scene_fail("items are missing");
    mqc_queue_close(queue);
    mqc_close(mqc);
}

static void remove_directory(const char *path)
{
    char name[PATH];
    DIR *directory = opendir(path);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.')
            unlink(name);
    }
    if (directory)
        closedir(directory);
    rmdir(path);
}

static double mib(const struct broker *broker)
{
    return (double)clock_rss_bytes(broker->pid) / (1 << 20);
}

int main(int argc, char **argv)
{
    size_t count = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
    if (count == 0)
        scene_fail("scene_restart BROKER DIRECTORY COUNT");
    struct broker broker = start(argv[1], argv[2]);
    fill(&broker, count);
    double before_mib = mib(&broker);
    end(&broker);
    broker = start(argv[1], argv[2]);
    double after_mib = mib(&broker);
    count_items(&broker, count);
    end(&broker);
    remove_directory(argv[2]);
    printf("{\"items\":%zu,\"ready_s\":%.3f,\"before_mib\":%.0f,\"after_mib\":%.0f}\n", count, broker.ready_s,
           before_mib, after_mib);
    return 0;
}
