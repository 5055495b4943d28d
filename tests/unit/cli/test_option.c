/* The option table against command lines as people type them. */
#include "service/cli/option.h"
#include "service/cli/scan_args.h"

#include "engine/base/buf.h"
#include "tests/support/main.h"

#include <errno.h>
#include <string.h>

static const struct option_set set = {.tables = SCAN_TABLES};

struct parsed {
    struct scan_args args;
    struct option_list operands;
    struct err e;
    int r;
};

static void parse(struct parsed *p, const char *const *words)
{
    memset(p, 0, sizeof *p);
    scan_args_init(&p->args);
    p->r = options_parse(&set, (char *const *)(uintptr_t)words, &p->args, &p->operands, &p->e);
}

static void parsed_done(struct parsed *p)
{
    options_done(&set, &p->args);
    option_list_done(&p->operands);
}

#define PARSE(p, ...) parse(p, (const char *const[]){__VA_ARGS__, NULL})

static void nmap_spellings_of_one_option_mean_the_same(void **state)
{
    static const char *const lines[][3] = {
        {"-p", "80,443", NULL}, {"-p80,443", NULL, NULL}, {"-np80,443", NULL, NULL}};
    struct parsed p;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        parse(&p, lines[i]);
        assert_int_equal(p.r, 0);
        assert_string_equal(p.args.ports, "80,443");
        assert_int_equal(p.operands.n, 0);
        parsed_done(&p);
    }
}

static void long_options_take_their_value_in_either_way(void **state)
{
    struct parsed p;

    (void)state;
    PARSE(&p, "--exclude=a", "--exclude", "b", "--max-rate=12.5", "--host-timeout", "1m30s");
    assert_int_equal(p.r, 0);
    assert_int_equal(p.args.excludes.n, 2);
    assert_string_equal(p.args.excludes.values[1], "b");
    assert_true(p.args.max_rate == 12.5);
    assert_int_equal(p.args.host_timeout, 90 * USEC_PER_SEC);
    parsed_done(&p);
}

static void letters_combine(void **state)
{
    struct parsed p;

    (void)state;
    PARSE(&p, "-sSC", "-n6vv", "-T4", "-Pn");
    assert_int_equal(p.r, 0);
    assert_int_equal(p.args.ways, WAY_SYN | WAY_DEFAULT_SCRIPTS);
    assert_int_equal(p.args.verbose, 2);
    assert_true(p.args.no_names && p.args.ipv6 && p.args.no_ping);
    assert_int_equal(scan_args_timing(&p.args, NULL), 4);
    parsed_done(&p);
}

static void levels_may_be_attached_to_counters(void **state)
{
    struct parsed p;

    (void)state;
    PARSE(&p, "-v3", "-d", "-d");
    assert_int_equal(p.r, 0);
    assert_int_equal(p.args.verbose, 3);
    assert_int_equal(p.args.debug, 2);
    parsed_done(&p);
}

static void operands_mix_with_options_until_two_dashes(void **state)
{
    struct parsed p;

    (void)state;
    PARSE(&p, "10.0.0.1", "-n", "-", "--", "-n");
    assert_int_equal(p.r, 0);
    assert_int_equal(p.operands.n, 3);
    assert_string_equal(p.operands.values[1], "-");
    assert_string_equal(p.operands.values[2], "-n");
    parsed_done(&p);
}

static const struct {
    const char *words[4];
    const char *text;
} faults[] = {
    {{"--exlude", "a"}, "unknown option '--exlude'; did you mean '--exclude'?"},
    {{"--frobnicate"}, "unknown option '--frobnicate'"},
    {{"-script", "x"}, "unknown option '-script'; did you mean '--script'?"},
    {{"-sS", "--frobnicate=3"}, "unknown option '--frobnicate'"},
    {{"-p"}, "-p needs a value: -p PORTS"},
    {{"--open-sesame"}, "unknown option '--open-sesame'"},
    {{"--max-rate", "fast"}, "--max-rate fast: expected a number above 0 (packets per second)"},
    {{"--max-rate=0"}, "--max-rate 0: expected a number above 0 (packets per second)"},
    {{"--top-ports", "-5"}, "--top-ports -5: expected a whole number from 1 to 65535"},
    {{"--top-ports", "0"}, "--top-ports 0: expected a whole number from 1 to 65535"},
    {{"--top-ports", "70000"}, "--top-ports 70000: expected a whole number from 1 to 65535"},
    {{"--version-intensity", "10"}, "--version-intensity 10: expected a whole number from 0 to 9"},
    {{"--host-timeout", "soon"},
     "--host-timeout soon: expected a time span such as 500ms, 30 (seconds), 5m or 1h30m"},
    {{"-sO"}, "-sO: IP protocol scan is not supported; use -sS or -sT"},
    {{"-sSO"}, "-sO: IP protocol scan is not supported; use -sS or -sT"},
    {{"-r"}, "-r: ports are asked in an order of Muster's own; leave it out"},
    {{"-g53"}, "-g: source ports tell Muster's probes apart and cannot be chosen"},
    {{"--scan-delay=1s"},
     "--scan-delay: the pace follows from what is measured; --max-rate, --min-rate and -T bound "
     "it"},
    {{"-K"}, "unknown option '-K'"},
    {{"--port-ration", "0.1"}, "unknown option '--port-ration'"}, /* what is refused helps nobody */
    {{"--script-trace=yes"}, "--script-trace takes no value"},
    {{"-vx"}, "unknown option '-vx'; did you mean '-v'?"},
};

static void faults_are_named_in_one_line(void **state)
{
    struct parsed p;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        parse(&p, faults[i].words);
        assert_int_equal(p.r, -EINVAL);
        assert_string_equal(err_text(&p.e), faults[i].text);
        parsed_done(&p);
    }
}

static const struct {
    const char *words[6];
    const char *text; /* NULL: fine */
} checks[] = {
    {{"10.0.0.1"}, NULL},
    {{"-iL", "-"}, NULL},
    {{"--script-help", "banner"}, NULL},
    {{"-sC", "-sT", "h"}, NULL},
    {{"-n"}, "no targets: name at least one address, network or host (muster scan --help)"},
    {{"-F", "-p1", "h"}, "-p, -F and --top-ports exclude each other; give one"},
    {{"-sn", "-F", "h"}, "-sn looks at no ports; leave out -p, -F and --top-ports"},
    {{"-sP", "-F", "h"}, "-sn looks at no ports; leave out -p, -F and --top-ports"},
    {{"-sn", "--exclude-ports=1", "h"}, "-sn looks at no ports; leave out --exclude-ports"},
    {{"-oN", "a", "-oX", "b", "h"}, NULL},
    {{"-oN", "a", "-oX", "a", "h"}, "-oN and -oX both write 'a'; name a file for each"},
    {{"-oJ", "a", "-oX", "a", "h"}, "-oX and -oJ both write 'a'; name a file for each"},
    {{"-sS", "-sT", "h"}, "-sn, -sS and -sT exclude each other; give one"},
    {{"-sn", "-sU", "h"}, "-sn looks at no ports; leave out -sU"},
    {{"-sn", "-sV", "h"}, "-sn looks at no ports; leave out -sV"},
    {{"-sSU", "h"}, NULL},
    {{"-T9", "h"}, "-T 9: expected 0 to 5"},
    {{"-Taggressive", "h"}, NULL},
    {{"-oX-", "h"}, "unknown option '-oX-'; did you mean '-oX'?"},
    {{"-oX=-", "-oJ=-", "h"}, "unknown option '-oX=-'; did you mean '-oX'?"},
    {{"--min-rate=9", "--max-rate=8", "h"}, "--min-rate 9 is above --max-rate 8"},
};

static void what_cannot_be_meant_together_is_refused(void **state)
{
    struct parsed p;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        parse(&p, checks[i].words);
        if (p.r == 0)
            p.r = scan_args_check(&p.args, &p.operands, &p.e);
        assert_int_equal(p.r, checks[i].text ? -EINVAL : 0);
        if (checks[i].text)
            assert_string_equal(err_text(&p.e), checks[i].text);
        parsed_done(&p);
    }
}

static void only_one_form_goes_to_standard_output(void **state)
{
    struct parsed p;

    (void)state;
    PARSE(&p, "-oX", "-", "-oJ", "-", "h");
    assert_int_equal(p.r, 0);
    assert_int_equal(scan_args_check(&p.args, &p.operands, &p.e), -EINVAL);
    parsed_done(&p);
}

static const struct {
    const char *words[4];
    int intensity;
} intensities[] = {
    {{"-sV"}, 7},
    {{"-sV", "--version-intensity", "0"}, 0},
    {{"-sV", "--version-intensity=9"}, 9},
    {{"-sV", "--version-light"}, 2},
    {{"-sV", "--version-all"}, 9},
};

static void how_rare_a_service_is_asked_for_is_said_in_three_ways(void **state)
{
    struct parsed p;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(intensities); i++) {
        parse(&p, intensities[i].words);
        assert_int_equal(p.r, 0);
        assert_int_equal(scan_args_intensity(&p.args), intensities[i].intensity);
        parsed_done(&p);
    }
}

static bool name_is_unique(void *user, const struct option *o)
{
    (void)user;
    if (o->type == OPTION_HEADING)
        return true;
    assert_ptr_equal(option_find(&set, o->name), o);
    if (o->also)
        assert_ptr_equal(option_find(&set, o->also), o);
    return true;
}

static void every_spelling_belongs_to_one_option(void **state)
{
    (void)state;
    option_each(&set, name_is_unique, NULL);
}

static void help_names_options_and_stays_in_100_columns(void **state)
{
    CLEANUP(buf_done) struct buf out = {0};

    (void)state;
    options_help(&out, &set);
    assert_non_null(strstr(out.data, "\n  -iL FILE "));
    assert_non_null(strstr(out.data, "\nPorts:\n"));
    assert_null(strstr(out.data, "-sO"));
    for (const char *line = out.data; *line; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 100);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(nmap_spellings_of_one_option_mean_the_same),
    cmocka_unit_test(long_options_take_their_value_in_either_way),
    cmocka_unit_test(letters_combine),
    cmocka_unit_test(levels_may_be_attached_to_counters),
    cmocka_unit_test(operands_mix_with_options_until_two_dashes),
    cmocka_unit_test(faults_are_named_in_one_line),
    cmocka_unit_test(what_cannot_be_meant_together_is_refused),
    cmocka_unit_test(only_one_form_goes_to_standard_output),
    cmocka_unit_test(how_rare_a_service_is_asked_for_is_said_in_three_ways),
    cmocka_unit_test(every_spelling_belongs_to_one_option),
    cmocka_unit_test(help_names_options_and_stays_in_100_columns),
};

TEST_MAIN(tests)
