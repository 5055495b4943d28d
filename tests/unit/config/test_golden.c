/* Whole files of tests/golden/conf: ok-*.yaml load without a word; bad-*.yaml give exactly the
 * lines of bad-*.expected. MUSTER_GOLDEN_WRITE=1 writes the expected files anew; read the
 * difference before it is committed. */
#include "engine/base/buf.h"
#include "service/config/config.h"

#include "tests/support/main.h"

#include <errno.h>
#include <glob.h>
#include <libgen.h>
#include <string.h>

static void collect(void *user, const char *text)
{
    buf_printf(user, "%s\n", text);
}

/* Loads a file under its bare name, so that messages do not depend on where the source is. */
static int load(const char *path, struct config **ret, struct buf *said, struct err *e)
{
    CLEANUP(freep) char *data = NULL;
    CLEANUP(freep) char *copy = strdup(path);
    size_t len;

    assert_int_equal(config_read_file(&data, &len, path, e), 0);
    return config_load_data(ret, basename(copy), data, len, collect, said, e);
}

static void compare(const char *path, const struct buf *said)
{
    CLEANUP(freep) char *expected = NULL;
    char name[4096];
    struct err e = {0};
    size_t len;

    snprintf(name, sizeof name, "%.*s.expected", (int)(strlen(path) - strlen(".yaml")), path);
    if (getenv("MUSTER_GOLDEN_WRITE")) {
        FILE *f = fopen(name, "w");

        assert_non_null(f);
        fwrite(said->data, 1, said->len, f);
        fclose(f);
    }
    if (config_read_file(&expected, &len, name, &e) < 0)
        fail_msg("%s", err_text(&e));
    assert_string_equal(said->data, expected);
}

static void each(const char *pattern, void (*check)(const char *path))
{
    glob_t found;

    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++)
        check(found.gl_pathv[i]);
    globfree(&found);
}

static void check_good(const char *path)
{
    CLEANUP(config_freep) struct config *c = NULL;
    CLEANUP(buf_done) struct buf said = {0};
    struct err e = {0};

    if (load(path, &c, &said, &e) < 0)
        fail_msg("%s", err_text(&e));
    assert_int_equal(said.len, 0);
}

static void check_bad(const char *path)
{
    struct config *c = NULL;
    CLEANUP(buf_done) struct buf said = {0};
    struct err e = {0};

    assert_int_equal(load(path, &c, &said, &e), -EINVAL);
    assert_null(c);
    compare(path, &said);
    assert_memory_equal(said.data, e.text, strlen(e.text)); /* the first is the error */
}

static void good_files_load(void **state)
{
    (void)state;
    each(MUSTER_SOURCE_DIR "/tests/golden/conf/ok-*.yaml", check_good);
    check_good(MUSTER_SOURCE_DIR "/config/muster.yaml");
}

static void bad_files_name_line_and_expectation(void **state)
{
    (void)state;
    each(MUSTER_SOURCE_DIR "/tests/golden/conf/bad-*.yaml", check_bad);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(good_files_load),
    cmocka_unit_test(bad_files_name_line_and_expectation),
};

TEST_MAIN(tests)
