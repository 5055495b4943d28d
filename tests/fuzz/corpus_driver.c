/* Runs a fuzz target over its corpus and over mutations of it, without libFuzzer: the form in which
 * ctest runs it under every compiler.  FUZZ_RUNS (default 20000) mutations, FUZZ_SEED for a repeat;
 * both are printed. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS_MAX      1024
#define SEED_BYTES_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct seed {
    uint8_t *data;
    size_t len;
} seeds[SEEDS_MAX];
static size_t n_seeds;
static uint64_t state;

static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void load(const char *dir, const char *name)
{
    char path[4096];
    FILE *f;
    uint8_t *data = malloc(SEED_BYTES_MAX);

    snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "rb");
    if (!f || !data || n_seeds == SEEDS_MAX) {
        fprintf(stderr, "cannot load %s\n", path);
        exit(1);
    }
    seeds[n_seeds].len = fread(data, 1, SEED_BYTES_MAX, f);
    seeds[n_seeds++].data = data;
    fclose(f);
}

/* Runs the target on a copy of exactly len bytes, so that ASan sees one byte too many. */
static void run(const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);

    if (len)
        memcpy(copy, data, len);
    LLVMFuzzerTestOneInput(copy, len);
    free(copy);
}

static void mutate(void)
{
    static uint8_t work[SEED_BYTES_MAX + 64];
    const struct seed *s = &seeds[next_random() % n_seeds];
    size_t len = s->len;
    unsigned edits = 1 + (unsigned)(next_random() % 8);

    memcpy(work, s->data, len);
    while (edits--) {
        uint64_t r = next_random();
        size_t at = len ? r % len : 0;

        switch (next_random() % 5) {
        case 0:
            len = at;
            break;
        case 1:
            if (len < SEED_BYTES_MAX)
                work[len++] = (uint8_t)(r >> 32);
            break;
        case 2:
            work[at] = (uint8_t)((r >> 40) & 1 ? 0xff : 0);
            break;
        default:
            work[at] ^= (uint8_t)(1 << (r >> 61));
        }
        if (len == 0)
            len = 1;
    }
    run(work, len);
}

int main(int argc, char **argv)
{
    const char *runs_text = getenv("FUZZ_RUNS"), *seed_text = getenv("FUZZ_SEED");
    long runs = runs_text ? atol(runs_text) : 20000;
    struct dirent *entry;
    DIR *dir;

    if (argc != 2 || !(dir = opendir(argv[1]))) {
        fprintf(stderr, "usage: %s CORPUS-DIRECTORY\n", argv[0]);
        return 2;
    }
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            load(argv[1], entry->d_name);
    closedir(dir);
    if (!n_seeds) {
        fprintf(stderr, "%s: the corpus is empty\n", argv[1]);
        return 1;
    }
    state = seed_text ? strtoull(seed_text, NULL, 0) : 0x9e3779b97f4a7c15ULL;
    printf("%zu seeds, %ld mutations, FUZZ_SEED=%#llx\n", n_seeds, runs, (unsigned long long)state);
    for (size_t i = 0; i < n_seeds; i++)
        run(seeds[i].data, seeds[i].len);
    while (runs-- > 0)
        mutate();
    for (size_t i = 0; i < n_seeds; i++)
        free(seeds[i].data);
    return 0;
}
