/* What a good configuration becomes: defaults, values, expressions, secrets, the search for the
 * file. */
#include "engine/base/log.h"
#include "service/config/config.h"

#include "tests/support/main.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static struct config *load(const char *text)
{
    struct config *c = NULL;
    struct err e = {0};

    if (config_load_data(&c, "muster.yaml", text, strlen(text), NULL, NULL, &e) < 0)
        fail_msg("%s", err_text(&e));
    return c;
}

static void a_zone_with_networks_alone_gets_every_default(void **state)
{
    CLEANUP(config_freep)
    struct config *c = load("zones:\n- name: office\n  networks: [192.0.2.0/24]\n"
                            "  excludes: [192.0.2.7]\n");
    const struct config_zone *z = config_zone_find(c, "office");

    (void)state;
    assert_non_null(z);
    assert_null(config_zone_find(c, "lab"));
    assert_null(c->database);
    assert_int_equal(c->log_level, LOG_INFO);
    assert_int_equal(c->scanner->rate, 10000);
    assert_int_equal(c->scripts->workers, 2);
    assert_int_equal(addr_set_count(&z->scope), 255);
    assert_int_equal(z->rate, 1000);
    assert_int_equal(z->confirm->misses, 2);
    assert_int_equal(z->confirm->after, 15 * USEC_PER_SEC);
    assert_int_equal(z->n_passes, 4);
    assert_int_equal(z->passes[0].kind, PASS_PRESENCE);
    assert_int_equal(z->passes[0].interval, 300 * USEC_PER_SEC);
    assert_int_equal(z->passes[0].retries, 2);
    assert_string_equal(z->passes[1].name, "ports");
    assert_true(port_set_has(z->passes[1].port_set, PROTOCOL_TCP, 5432));
    assert_string_equal(z->passes[2].scripts, "version");
    assert_string_equal(z->passes[3].scripts, "default");
}

static void loopback_is_scanned_fast(void **state)
{
    CLEANUP(config_freep)
    struct config *c = load("zones:\n- {name: self, networks: [127.0.0.1, \"::1\"]}\n");

    (void)state;
    assert_int_equal(c->zones[0].rate, 100000);
}

static void a_written_zero_is_not_a_default(void **state)
{
    CLEANUP(config_freep)
    struct config *c =
        load("zones:\n- name: a\n  networks: [192.0.2.1]\n  passes:\n"
             "  - {kind: presence, retries: 0, host_timeout: 0, probes: [arp, connect]}\n"
             "- {name: b, networks: [192.0.2.1], passes: []}\n");

    (void)state;
    assert_int_equal(c->zones[0].passes[0].retries, 0);
    assert_int_equal(c->zones[0].passes[0].host_timeout, 0);
    assert_int_equal(c->zones[0].passes[0].probes, PROBE_ARP | PROBE_CONNECT);
    assert_int_equal(c->zones[1].n_passes, 0);
}

static void harmful_categories_need_a_grant(void **state)
{
    static const char *const deadly[] = {"http-bomb"};
    const struct config_without without = {deadly, 1};
    static const struct {
        const char *scripts;
        unsigned grants;
        bool bomb;
        const char *want;
    } cases[] = {
        {"default", GRANT_DOS | GRANT_BRUTE, false,
         "(default) and not (exploit or external or fuzzer or intrusive)"},
        {"default", 63, false, "(default)"},
        {"a or b, +c,", 63 - GRANT_DOS, false, "(a or b) and not (dos),+(c) and not (dos)"},
        {"http-*", 63, true, "(http-*) and not (http-bomb)"},
        {"x", 63 - GRANT_DOS, true, "(x) and not (dos or http-bomb)"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct config_zone z = {.grants = cases[i].grants};
        const struct config_pass p = {.scripts = (char *)cases[i].scripts};
        CLEANUP(freep) char *got = NULL;

        assert_int_equal(config_script_expression(&got, &z, &p, cases[i].bomb ? &without : NULL),
                         0);
        assert_string_equal(got, cases[i].want);
    }
}

static void relative_names_start_at_the_file(void **state)
{
    CLEANUP(config_freep) struct config *c = NULL;
    const char *text = "state_directory: .\nscripts: {args_file: a/b, datadirs: [x, /y]}\n";
    struct err e = {0};

    (void)state;
    assert_int_equal(
        config_load_data(&c, "/usr/../etc/muster.yaml", text, strlen(text), NULL, NULL, &e), 0);
    assert_string_equal(c->state_directory, "/etc");
    assert_string_equal(c->scripts->args_file, "/etc/a/b");
    assert_string_equal(c->scripts->datadirs[0], "/etc/x");
    assert_string_equal(c->scripts->datadirs[1], "/y");
}

static void the_state_directory_of_systemd_is_the_default(void **state)
{
    struct config *c;

    (void)state;
    setenv("STATE_DIRECTORY", "/var/lib/a:/var/lib/b", 1);
    c = load("zones:\n");
    assert_string_equal(c->state_directory, "/var/lib/a");
    config_free(c);
    unsetenv("STATE_DIRECTORY");
}

struct secret_case {
    const char *content;
    mode_t mode;
    int want;
};

static void secrets_are_read_from_files_that_others_cannot_read(void **state)
{
    static const struct secret_case cases[] = {
        {"whsec_abc\n", 0600, 0},
        {"whsec_abc\r\n\n", 0640, 0},
        {"whsec_abc", 0644, -EACCES},
        {"", 0600, -EINVAL},
    };
    char path[] = "/tmp/muster-secret-XXXXXX", reference[64];
    int fd = mkstemp(path);

    (void)state;
    snprintf(reference, sizeof reference, "file:%s", path);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(freep) char *secret = NULL;
        struct err e = {0};

        assert_int_equal(ftruncate(fd, 0), 0);
        assert_true(pwrite(fd, cases[i].content, strlen(cases[i].content), 0) >= 0);
        fchmod(fd, cases[i].mode);
        assert_int_equal(config_secret_read(&secret, reference, &e), cases[i].want);
        if (!cases[i].want)
            assert_string_equal(secret, "whsec_abc");
        else
            assert_null(strstr(e.text, "whsec"));
    }
    close(fd);
    unlink(path);
}

static void credentials_come_from_their_directory(void **state)
{
    CLEANUP(freep) char *secret = NULL;
    struct err e = {0};

    (void)state;
    unsetenv("CREDENTIALS_DIRECTORY");
    assert_int_equal(config_secret_read(&secret, "cred:db", &e), -ENOENT);
    assert_non_null(strstr(e.text, "LoadCredential=db"));
    setenv("CREDENTIALS_DIRECTORY", "/nonexistent", 1);
    assert_int_equal(config_secret_read(&secret, "cred:db", &e), -ENOENT);
    assert_int_equal(config_secret_read(&secret, "cred:../db", &e), -EINVAL);
    unsetenv("CREDENTIALS_DIRECTORY");
}

static void a_password_is_quoted_into_the_connection_string(void **state)
{
    static const struct {
        const char *database, *want;
    } cases[] = {
        {"host=/run dbname=m", "host=/run dbname=m password='a b\\'c\\\\'"},
        {"postgresql://h/m", "postgresql://h/m?password=a%20b%27c%5C"},
        {"postgresql://h/m?x=1", "postgresql://h/m?x=1&password=a%20b%27c%5C"},
    };
    char path[] = "/tmp/muster-secret-XXXXXX", text[256];
    int fd = mkstemp(path);

    (void)state;
    assert_int_equal(write(fd, "a b'c\\\n", 7), 7);
    close(fd);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(config_freep) struct config *c = NULL;
        CLEANUP(freep) char *conninfo = NULL;

        snprintf(text, sizeof text, "database: \"%s\"\ndatabase_secret: file:%s\n",
                 cases[i].database, path);
        c = load(text);
        assert_int_equal(config_conninfo(&conninfo, c, NULL), 0);
        assert_string_equal(conninfo, cases[i].want);
    }
    unlink(path);
}

/* Returns what is known of this file; NULL: nothing. */
static struct config *rescue_bytes(const char *text, size_t len)
{
    char path[] = "/tmp/muster-rescue-XXXXXX";
    struct config *c = NULL, *whole = NULL;
    int fd = mkstemp(path), r;

    assert_int_equal(write(fd, text, len), len);
    close(fd);
    assert_int_equal(config_load(&whole, path, NULL), -EINVAL);
    r = config_rescue(&c, path);
    unlink(path);
    assert_int_equal(r, c ? 0 : -EINVAL);
    return c;
}

static struct config *rescue(const char *text)
{
    return rescue_bytes(text, strlen(text));
}

static void of_a_file_with_faults_the_place_of_the_database_is_known(void **state)
{
    static const struct {
        const char *text, *database, *secret, *state;
    } cases[] = {
        {"zones: [{name: a, networks: [x]}]\n", NULL, NULL, "/var/lib/muster"},
        {"zones:\n\t- name: a\nstate_directory: /srv/m\n", NULL, NULL, "/srv/m"},
        {"zoned: []\ndatabase: \"host=db dbname=x\" # there\ndatabase_secret: cred:db",
         "host=db dbname=x", "cred:db", "/var/lib/muster"},
        {"# {\nzones:\n  - {name: database, networks: [x]}\ndatabase: dbname=y\n", "dbname=y", NULL,
         "/var/lib/muster"},
        {"zoned: []\r\ndatabase: dbname=y\r\n", "dbname=y", NULL, "/var/lib/muster"},
        {"endpoints:\n  - name: \"database\"\n", NULL, NULL, "/var/lib/muster"},
    };

    (void)state;
    unsetenv("STATE_DIRECTORY");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(config_freep) struct config *c = rescue(cases[i].text);

        assert_non_null(c);
        assert_int_equal(c->n_zones, 0);
        assert_string_equal(c->database ? c->database : "",
                            cases[i].database ? cases[i].database : "");
        assert_string_equal(c->database_secret ? c->database_secret : "",
                            cases[i].secret ? cases[i].secret : "");
        assert_string_equal(c->state_directory, cases[i].state);
    }
}

static void the_place_of_the_database_is_not_guessed(void **state)
{
    static const char *const cases[] = {
        "{database: dbname=x, zoned: []}\n",
        "  database: dbname=x\n  zoned: []\n",
        "\"database\": dbname=x\nzoned: []\n",
        "zoned: []\n? database\n: dbname=x\n",
        "--- {database: dbname=x, zoned: []}\n",
        "\xef\xbb\xbf"
        "database: dbname=x\nzoned: []\n",
        "zoned: []\ndatabase : dbname=x\n",
        "zoned: []\rdatabase: dbname=x\r",
        "zoned: []\xc2\x85"
        "database: dbname=x\n",
        "zoned: []\ndatabase: [dbname=x]\n",
        "zoned: []\ndatabase: dbname=x\ndatabase: dbname=y\n",
        "zoned: []\ndatabase: &x\n  dbname=x\n",
        "zoned: []\ndatabase: \"dbname=x\n  host=y\"\n",
        "zoned: []\ndatabase: dbname=x\n  host=y\n",
        "zoned: []\ndatabase: >\n  dbname=x\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config *c = rescue(cases[i]);

        if (c)
            fail_msg("'%s': %s", cases[i], c->database ? c->database : "the default");
    }
}

static void nor_behind_a_byte_that_ends_the_text(void **state)
{
    static const char text[] = "zoned: []\n\0\ndatabase: dbname=x\n";

    (void)state;
    assert_null(rescue_bytes(text, sizeof text - 1));
}

static void the_file_is_searched_in_order(void **state)
{
    CLEANUP(freep) char *given = NULL;
    CLEANUP(freep) char *named = NULL;
    struct err e = {0};

    (void)state;
    setenv("MUSTER_CONFIG", "/b.yaml", 1);
    assert_int_equal(config_find_path(&given, "/a.yaml", &e), 0);
    assert_string_equal(given, "/a.yaml");
    assert_int_equal(config_find_path(&named, NULL, &e), 0);
    assert_string_equal(named, "/b.yaml");
    unsetenv("MUSTER_CONFIG");
}

static void a_missing_file_is_named(void **state)
{
    struct config *c = NULL;
    struct err e = {0};

    (void)state;
    assert_int_equal(config_load(&c, "/nonexistent/muster.yaml", &e), -ENOENT);
    assert_string_equal(e.text, "/nonexistent/muster.yaml: No such file or directory");
    assert_int_equal(config_load(&c, "/", &e), -EINVAL);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_zone_with_networks_alone_gets_every_default),
    cmocka_unit_test(loopback_is_scanned_fast),
    cmocka_unit_test(a_written_zero_is_not_a_default),
    cmocka_unit_test(harmful_categories_need_a_grant),
    cmocka_unit_test(relative_names_start_at_the_file),
    cmocka_unit_test(the_state_directory_of_systemd_is_the_default),
    cmocka_unit_test(secrets_are_read_from_files_that_others_cannot_read),
    cmocka_unit_test(credentials_come_from_their_directory),
    cmocka_unit_test(a_password_is_quoted_into_the_connection_string),
    cmocka_unit_test(of_a_file_with_faults_the_place_of_the_database_is_known),
    cmocka_unit_test(the_place_of_the_database_is_not_guessed),
    cmocka_unit_test(nor_behind_a_byte_that_ends_the_text),
    cmocka_unit_test(the_file_is_searched_in_order),
    cmocka_unit_test(a_missing_file_is_named),
};

TEST_MAIN(tests)
