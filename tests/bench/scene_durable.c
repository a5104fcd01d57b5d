/* scene_durable.c - one put at a time to a broker with a data directory, beside what it is made of: a put to
 * a broker without one (OTHER-ENDPOINT), and a bare fdatasync of 4 KiB written into a file that was full of
 * zeros (FILE, on the same disk). In turn, so that all three meet the same disk and the same machine. */
#include "clock.h"
#include "scene.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PAGE = 4096, FILE_PAGES = 4096, TRIES = 2000 };

struct times {
    uint32_t durable[TRIES], memory[TRIES], disk[TRIES];
};

static uint32_t ns_since(double start_s)
{
    return (uint32_t)((clock_now_s() - start_s) * 1e9);
}

/* A file of zeros that are on disk. */
static int zeros(const char *path)
{
    static const char page[PAGE];
    int fd = path ? open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    for (int i = 0; fd >= 0 && i < FILE_PAGES; i++)
        if (write(fd, page, PAGE) != PAGE)
            scene_fail("cannot write");
    if (fd < 0 || fsync(fd))
        scene_fail("-f FILE is needed, where a file can be made");
    return fd;
}

static uint32_t time_put(struct mqc *mqc, struct mqc_queue *queue)
{
    static const char body[SCENE_BODY];
    double start_s = clock_now_s();
    scene_check(mqc, mqc_put(queue, body, sizeof body, MQ_FOREVER));
    return ns_since(start_s);
}

static uint32_t time_sync(int fd, int index)
{
    static char page[PAGE];
    page[0] = (char)index;
    double start_s = clock_now_s();
    if (pwrite(fd, page, PAGE, (off_t)(index % FILE_PAGES) * PAGE) != PAGE || fdatasync(fd))
        scene_fail("cannot sync");
    return ns_since(start_s);
}

int main(int argc, char **argv)
{
    static struct times times;
    struct scene scene = {.count = TRIES};
    scene_options(argc, argv, &scene);
    struct mqc *durable = scene_client(scene.endpoint), *memory = scene_client(scene.other);
    struct mqc_queue *on_disk = scene_queue(durable, "one", MQ_KIND_FIFO),
                     *in_memory = scene_queue(memory, "one", MQ_KIND_FIFO);
    int fd = zeros(scene.file);
    size_t count = scene.count < TRIES ? scene.count : TRIES;
    for (size_t i = 0; i < count; i++) {
        times.durable[i] = time_put(durable, on_disk);
        times.memory[i] = time_put(memory, in_memory);
        times.disk[i] = time_sync(fd, (int)i);
    }
    double ours = clock_quantile_us(times.durable, count, 0.5),
           put = clock_quantile_us(times.memory, count, 0.5),
           sync = clock_quantile_us(times.disk, count, 0.5);
    printf("{\"durable_us\":%.1f,\"limit_us\":%.1f,\"memory_put_us\":%.1f,\"sync_us\":%.1f}\n", ours,
           put + sync, put, sync);
    scene_check(durable, mqc_purge(on_disk, NULL));
    scene_check(memory, mqc_purge(in_memory, NULL));
    close(fd);
    unlink(scene.file);
    mqc_queue_close(on_disk);
    mqc_queue_close(in_memory);
    mqc_close(durable);
    mqc_close(memory);
    return 0;
}
