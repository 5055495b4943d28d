/* From a command line to sets of addresses and ports. */
#include "service/cli/scan_plan.h"

#include "engine/base/cleanup.h"
#include "tests/support/main.h"

#include <errno.h>
#include <string.h>

static const struct option_set set = {.tables = SCAN_TABLES};

struct plan {
    struct scan_args args;
    struct option_list operands;
    struct scan_plan plan;
    struct err e;
    int r;
};

static void make(struct plan *p, const char *const *words)
{
    memset(p, 0, sizeof *p);
    setenv("MUSTER_DATADIR", MUSTER_SOURCE_DIR, 1);
    scan_args_init(&p->args);
    assert_int_equal(
        options_parse(&set, (char *const *)(uintptr_t)words, &p->args, &p->operands, &p->e), 0);
    p->r = scan_plan_make(&p->plan, &p->args, &p->operands, &p->e);
}

static void plan_done(struct plan *p)
{
    scan_plan_done(&p->plan);
    options_done(&set, &p->args);
    option_list_done(&p->operands);
}

#define MAKE(p, ...) make(p, (const char *const[]){__VA_ARGS__, NULL})

static const struct {
    const char *words[4];
    uint32_t ports;
} port_cases[] = {
    {{"10.0.0.1"}, 1000},
    {{"-F", "10.0.0.1"}, 100},
    {{"--top-ports=7", "10.0.0.1"}, 7},
    {{"-p22,80-81", "10.0.0.1"}, 3},
    {{"-p-", "10.0.0.1"}, 65535},
    {{"-pssh,T:443", "10.0.0.1"}, 2},
    {{"-sn", "10.0.0.1"}, 0},
    {{"-p1-9", "--exclude-ports=3,5-20,U:1", "10.0.0.1"}, 3},
    {{"-F", "--exclude-ports=http,https", "10.0.0.1"}, 98},
};

static void ports_are_those_that_were_asked_for(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(port_cases); i++) {
        CLEANUP(plan_done) struct plan p;

        make(&p, port_cases[i].words);
        assert_int_equal(p.r, 0);
        assert_int_equal(port_set_count(&p.plan.ports, PROTOCOL_TCP), port_cases[i].ports);
    }
}

static const struct {
    const char *words[4];
    const char *text;
} faults[] = {
    {{"-p", "U:53", "10.0.0.1"}, "-p U:53: UDP ports are asked with -sU; add it"},
    {{"-p", "no-such-port", "10.0.0.1"}, "-p no-such-port: port 'no-such-port'"},
    {{"-p80", "--exclude-ports=T:1-100", "10.0.0.1"}, "--exclude-ports leaves no port to scan"},
    {{"--exclude-ports=x", "10.0.0.1"}, "--exclude-ports x: port 'x'"},
    {{"10.0.0.0/33"}, "target '10.0.0.0/33'"},
    {{"--exclude", "10.0.0.7,10.0.0.0/99", "10.0.0.0/8"}, "--exclude: target '10.0.0.0/99'"},
    {{"-iL", "/no/such/file"}, "-iL: open '/no/such/file': No such file or directory"},
    {{"--datadir", "/no/such", "10.0.0.1"}, "--datadir /no/such: No such file or directory"},
    {{"--datadir", "/etc/passwd", "10.0.0.1"}, "--datadir /etc/passwd: not a directory"},
};

static void faults_name_option_and_part(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        CLEANUP(plan_done) struct plan p;

        make(&p, faults[i].words);
        assert_true(p.r < 0);
        assert_memory_equal(err_text(&p.e), faults[i].text, strlen(faults[i].text));
    }
}

static void own_directories_come_first(void **state)
{
    CLEANUP(plan_done) struct plan p;

    (void)state;
    MAKE(&p, "--datadir", "/etc", "--datadir", "/usr", "-p1", "10.0.0.1");
    assert_int_equal(p.r, 0);
    assert_int_equal(p.plan.n_datadirs, 3);
    assert_string_equal(p.plan.datadirs[0], "/etc");
    assert_string_equal(p.plan.datadirs[2], MUSTER_SOURCE_DIR);
}

static void scripts_and_arguments_of_several_options_are_joined(void **state)
{
    CLEANUP(plan_done) struct plan p;

    (void)state;
    MAKE(&p, "-sC", "--script", "banner", "--script=http-*", "--script-args", "a=1",
         "--script-args=b=2", "-p1", "h");
    assert_int_equal(p.r, 0);
    assert_string_equal(p.plan.scripts, "banner,http-*,default");
    assert_string_equal(p.plan.script_args, "a=1,b=2");
    assert_int_equal(p.plan.targets.n_names, 1);
}

static void templates_set_rate_and_retries(void **state)
{
    CLEANUP(plan_done) struct plan slow, fast, usual;

    (void)state;
    MAKE(&slow, "-T2", "-p1", "h");
    assert_true(slow.plan.max_rate == 2.5);
    MAKE(&fast, "-T5", "--max-rate", "99", "-p1", "h");
    assert_true(fast.plan.max_rate == 99);
    assert_int_equal(fast.plan.retries, 2);
    MAKE(&usual, "--max-retries", "0", "-p1", "h");
    assert_true(usual.plan.max_rate == 0);
    assert_int_equal(usual.plan.retries, 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(ports_are_those_that_were_asked_for),
    cmocka_unit_test(faults_name_option_and_part),
    cmocka_unit_test(own_directories_come_first),
    cmocka_unit_test(scripts_and_arguments_of_several_options_are_joined),
    cmocka_unit_test(templates_set_rate_and_retries),
};

TEST_MAIN(tests)
