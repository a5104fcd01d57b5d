/* replay.c - runs a fuzz target over its corpus and over seeded mutations of it, with any compiler.
 *
 *     fuzz_key_replay CORPUS_DIRECTORY [SEED [MUTATIONS [SECONDS]]]
 *
 * The same seed gives the same inputs in the same order; it ends after so many of them or so many seconds,
 * whichever comes first. */
#include "fuzz.h"

#include <dirent.h>
#include <string.h>
#include <time.h>

enum { FILES_MAX = 1024, INPUT_SIZE_MAX = 1 << 16 };

struct input {
    char name[256];
    uint8_t *data;
    size_t size;
};

static struct input corpus[FILES_MAX];
static size_t corpus_count;
static uint64_t seed;

static uint64_t random_bits(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static size_t below(size_t limit)
{
    return limit ? (size_t)(random_bits() % limit) : 0;
}

static bool load_file(const char *directory, const char *name)
{
    char path[1024];
    struct input *input = &corpus[corpus_count];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    snprintf(input->name, sizeof input->name, "%s", name);
    FILE *file = fopen(path, "rb");
    input->data = malloc(INPUT_SIZE_MAX);
    if (!file || !input->data || corpus_count == FILES_MAX) {
        perror(path);
        return false;
    }
    input->size = fread(input->data, 1, INPUT_SIZE_MAX, file);
    fclose(file);
    corpus_count++;
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct input *)a)->name, ((const struct input *)b)->name);
}

static bool load_corpus(const char *directory)
{
    DIR *dir = opendir(directory);
    if (!dir) {
        perror(directory);
        return false;
    }
    bool loaded = true;
    for (struct dirent *entry; loaded && (entry = readdir(dir));)
        if (entry->d_name[0] != '.')
            loaded = load_file(directory, entry->d_name);
    closedir(dir);
    qsort(corpus, corpus_count, sizeof *corpus, by_name);
    return loaded && corpus_count > 0;
}

/* A copy of exactly its size, so that a sanitizer sees every byte read beyond it. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    FUZZ_CHECK(copy);
    if (size)
        memcpy(copy, data, size);
    FUZZ_CHECK(LLVMFuzzerTestOneInput(copy, size) == 0);
    free(copy);
}

static void cut_out(uint8_t *data, size_t *size)
{
    size_t at = below(*size), count = below(*size - at) + 1;
    if (*size == 0)
        return;
    memmove(data + at, data + at + count, *size - at - count);
    *size -= count;
}

static void insert(uint8_t *data, size_t *size, const uint8_t *from, size_t count)
{
    size_t at = below(*size + 1);
    if (count > INPUT_SIZE_MAX - *size)
        return;
    memmove(data + at + count, data + at, *size - at);
    memcpy(data + at, from, count);
    *size += count;
}

static void mutate(uint8_t *data, size_t *size)
{
    static const uint8_t bytes[] = {0x00, 0x01, 0x7f, 0x80, 0x90, 0x9f, 0xc0,
                                    0xc4, 0xc6, 0xcf, 0xdb, 0xdd, 0xff};
    const struct input *other = &corpus[below(corpus_count)];
    uint8_t piece[64];
    size_t at = below(*size), count = below(*size - at < sizeof piece ? *size - at : sizeof piece);
    switch (below(6)) {
    case 0:
        if (*size)
            data[at] ^= (uint8_t)(1u << below(8));
        break;
    case 1:
        if (*size)
            data[at] = bytes[below(sizeof bytes)];
        break;
    case 2:
        if (*size)
            data[at] = (uint8_t)random_bits();
        break;
    case 3:
        cut_out(data, size);
        break;
    case 4: /* something again, elsewhere */
        memcpy(piece, data + at, count);
        insert(data, size, piece, count);
        break;
    default:
        insert(data, size, other->data, other->size);
    }
}

static void run_mutated(void)
{
    static uint8_t data[INPUT_SIZE_MAX];
    const struct input *input = &corpus[below(corpus_count)];
    size_t size = input->size;
    memcpy(data, input->data, size);
    for (size_t changes = below(4) + 1; changes > 0; changes--)
        mutate(data, &size);
    run(data, size);
}

int main(int argc, char **argv)
{
    if (argc < 2 || !load_corpus(argv[1])) {
        fprintf(stderr, "usage: %s CORPUS_DIRECTORY [SEED [MUTATIONS [SECONDS]]]\n", argv[0]);
        return 64;
    }
    unsigned long long first_seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1, done = 0;
    unsigned long long most = argc > 3 ? strtoull(argv[3], NULL, 10) : 5000;
    time_t until = time(NULL) + (argc > 4 ? atoi(argv[4]) : 20);
    seed = first_seed ? first_seed : 1;
    printf("%zu inputs, then mutations with seed %llu\n", corpus_count, first_seed);
    fflush(stdout);
    for (size_t i = 0; i < corpus_count; i++)
        run(corpus[i].data, corpus[i].size);
    for (; done < most && time(NULL) < until; done++)
        run_mutated();
    printf("%llu mutations survived\n", done);
    for (size_t i = 0; i < corpus_count; i++)
        free(corpus[i].data);
    return 0;
}
