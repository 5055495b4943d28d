/* Incidents, why an alert came or did not, and what keeps alerts quiet: silences and maintenance
 * windows. */
#include "service/cli/verb_alerts.h"

#include "service/cli/db.h"

#include "engine/base/addr.h"
#include "service/alert/rules_ask.h"
#include "service/config/config.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#define AT(member) .at = offsetof(struct alert_args, member)

#define OPTIONS_MATCH                                                                              \
    {OPTION_LIST, "--zone", .arg = "NAME", AT(zones),                                              \
     .help = "In this zone (* and ? are wild); repeatable, as the others"},                        \
        {OPTION_LIST, "--network", .arg = "NET", AT(networks),                                     \
         .help = "On hosts in this network"},                                                      \
        {OPTION_LIST, "--type", .arg = "TYPE", AT(types),                                          \
         .help = "Of this type: host.gone, port.*"},                                               \
        {OPTION_LIST, "--kind", .arg = "KIND", AT(kinds),                                          \
         .help = "About: host, port, service, script, zone"},                                      \
        {OPTION_TEXT,                                                                              \
         "--severity",                                                                             \
         .arg = "LEAST",                                                                           \
         AT(severity),                                                                             \
         .choices = "debug|info|warning|high|critical",                                            \
         .help = "At least so severe"},                                                            \
        {OPTION_LIST, "--tag", .arg = "TAG", AT(tags),                                             \
         .help = "On assets with this tag; all that are given"},                                   \
        {OPTION_LIST, "--owner", .arg = "NAME", AT(owners), .help = "On assets of this owner"},    \
        {OPTION_LIST, "--script", .arg = "NAME", AT(scripts), .help = "Found by this script"},     \
        {OPTION_TEXT, "--port", .arg = "PORTS", AT(ports),                                         \
         .help = "On these ports: 22,8000-8100"},                                                  \
    {                                                                                              \
        OPTION_LIST, "--asset", .arg = "ID", AT(assets), .help = "On this asset"                   \
    }
#define OPTIONS_SIGNED                                                                             \
    {OPTION_TEXT,                                                                                  \
     "--on-end",                                                                                   \
     .arg = "WHAT",                                                                                \
     AT(on_end),                                                                                   \
     .choices = "summary|still|drop",                                                              \
     .help = "When it ends: tell what it kept, and what of it still holds (default); only the "    \
             "latter; nothing"},                                                                   \
        {OPTION_TEXT, "--reason", .arg = "TEXT", AT(reason), .help = "Why; has to be given"},      \
    {                                                                                              \
        OPTION_TEXT, "--author", .arg = "NAME", AT(author), .help = "Who says so (default: you)"   \
    }

const struct option silence_options[] = {
    OPTIONS_MATCH,
    {OPTION_SPAN, "--for", .arg = "SPAN", AT(span), .help = "So long"},
    {OPTION_TEXT, "--until", .arg = "TIME", AT(until), .help = "Until then"},
    {OPTION_TEXT, "--from", .arg = "TIME", AT(from), .help = "Not before (default: now)"},
    {OPTION_FLAG, "--long", AT(lasting), .help = "More than 30 days is meant"},
    OPTIONS_SIGNED,
    OPTION_END,
};

const struct option window_options[] = {
    OPTIONS_MATCH,
    {OPTION_SPAN, "--for", .arg = "SPAN", AT(span),
     .help = "How long it stays open each time; has to be given"},
    {OPTION_TEXT, "--until", .arg = "TIME", AT(until),
     .help = "The last time is before this (default: for ever)"},
    OPTIONS_SIGNED,
    OPTION_END,
};

const struct option ended_options[] = {
    {OPTION_FLAG, "--all", AT(db.all), .help = "Also what is over"},
    OPTION_END,
};

/* ---- which events */

static int match_ports(struct config_match *m, const char *text, struct err *e)
{
    if (!text)
        return 0;
    m->port_set = calloc(1, sizeof *m->port_set);
    if (!m->port_set)
        return err_set(e, -ENOMEM, "out of memory");
    return port_set_parse(m->port_set, text, 1, NULL, e);
}

static int match_networks(const struct option_list *l, struct err *e)
{
    struct prefix p;

    for (size_t i = 0; i < l->n; i++)
        if (prefix_parse(l->values[i], &p, e) < 0)
            return err_add(e, -EINVAL, "--network");
    return 0;
}

static int severity_of(const char *name)
{
    static const char *const names[] = {"debug", "info", "warning", "high", "critical"};

    for (int i = 0; name && i < (int)ARRAY_LEN(names); i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

/* The options as JSON, for the database. */
static int match_text(struct buf *out, const struct alert_args *a, struct err *e)
{
    struct config_match m = {.severity = severity_of(a->severity)};
    const struct {
        const struct option_list *from;
        char ***list;
        uint32_t *n;
    } lists[] = {
        {&a->zones, &m.zones, &m.n_zones},       {&a->networks, &m.networks, &m.n_networks},
        {&a->types, &m.types, &m.n_types},       {&a->kinds, &m.kinds, &m.n_kinds},
        {&a->tags, &m.tags, &m.n_tags},          {&a->owners, &m.owners, &m.n_owners},
        {&a->scripts, &m.scripts, &m.n_scripts}, {&a->assets, &m.assets, &m.n_assets},
    };
    int r = match_networks(&a->networks, e);

    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        *lists[i].list = (char **)lists[i].from->values;
        *lists[i].n = (uint32_t)lists[i].from->n;
    }
    if (r == 0)
        r = match_ports(&m, a->ports, e);
    if (r == 0)
        config_match_json(out, &m);
    free(m.port_set);
    if (r == 0 && out->failed)
        r = err_set(e, -ENOMEM, "out of memory");
    return r;
}

/* Whoever typed it, also behind sudo. */
static const char *author_of(const struct alert_args *a)
{
    const char *name = a->author ? a->author : getenv("SUDO_USER");
    struct passwd *pw = name ? NULL : getpwuid(geteuid());

    return name ? name : pw ? pw->pw_name : "unknown";
}

static int check_signed(const struct alert_args *a, struct err *e)
{
    if (!a->reason || !*a->reason)
        return err_set(e, -EINVAL, "--reason has to be given: others will ask");
    return 0;
}

/* ---- silences and windows */

static int run_silence(struct verb_call *c, int64_t *ret, struct err *e)
{
    CLEANUP(cli_db_done) struct cli_db x = {0};
    CLEANUP(buf_done) struct buf match = {0};
    const struct alert_args *a = c->args;
    struct silence_words w = {.author = author_of(a),
                              .reason = a->reason,
                              .from = a->from,
                              .until = a->until,
                              .span = a->span,
                              .lasting = a->lasting,
                              .on_end = a->on_end ?: "summary"};
    int r = check_signed(a, e);

    if (r == 0 && !a->until == !a->span)
        r = err_set(e, -EINVAL, "one of --for and --until has to be given: silences end");
    if (r == 0)
        r = match_text(&match, a, e);
    w.match = match.data;
    if (r == 0)
        r = cli_db_open(&x, &a->db, CLI_DB_WRITE, e);
    if (r == 0 && (r = silence_add(x.db, &w, ret, e)) < 0)
        cli_explain(&x, e);
    return r;
}

int verb_silence_add(struct verb_call *c)
{
    struct err e = {0};
    int64_t id = 0;

    if (run_silence(c, &id, &e) < 0)
        return verb_fail(c, &e);
    printf("silence %" PRId64 "\n", id);
    return EXIT_NOTHING;
}

/* "Sun 02:00 Europe/Berlin": days, one time, a zone. */
static int window_times(struct window_words *w, const char *text, char days[32], char start[8],
                        struct config_digest *d, struct err *e)
{
    size_t len = 0;

    if (config_digest_parse(d, text) < 0 || d->every || d->n_minutes != 1)
        return err_set(e, -EINVAL,
                       "'%.60s': expected days, a time and a time zone such as 'Sun 02:00 "
                       "Europe/Berlin'",
                       text);
    for (unsigned day = 1; day <= 7; day++)
        if (d->days & 1U << day)
            len += (size_t)snprintf(days + len, 32 - len, "%c%u", len ? ',' : '{', day);
    snprintf(days + len, 32 - len, "}");
    snprintf(start, 8, "%02u:%02u", d->minutes[0] / 60, d->minutes[0] % 60);
    w->days = days;
    w->start = start;
    w->zone = d->zone;
    return 0;
}

static int run_window(struct verb_call *c, int64_t *ret, struct err *e)
{
    CLEANUP(cli_db_done) struct cli_db x = {0};
    CLEANUP(buf_done) struct buf match = {0};
    const struct alert_args *a = c->args;
    struct window_words w = {.author = author_of(a),
                             .reason = a->reason,
                             .until = a->until,
                             .span = a->span,
                             .on_end = a->on_end ?: "summary"};
    struct config_digest times = {0};
    char days[32], start[8];
    int r = check_signed(a, e);

    if (r == 0 && !a->span)
        r = err_set(e, -EINVAL, "--for has to be given: how long it stays open");
    if (r == 0)
        r = window_times(&w, c->operands.values[0], days, start, &times, e);
    if (r == 0)
        r = match_text(&match, a, e);
    w.match = match.data;
    if (r == 0)
        r = cli_db_open(&x, &a->db, CLI_DB_WRITE, e);
    if (r == 0 && (r = window_add(x.db, &w, ret, e)) < 0)
        cli_explain(&x, e);
    return r;
}

int verb_window_add(struct verb_call *c)
{
    struct err e = {0};
    int64_t id = 0;

    if (run_window(c, &id, &e) < 0)
        return verb_fail(c, &e);
    printf("window %" PRId64 "\n", id);
    return EXIT_NOTHING;
}

static int run_remove(struct verb_call *c, const char *what,
                      int (*end)(struct db *, const char *, struct err *))
{
    CLEANUP(cli_db_done) struct cli_db x = {0};
    const struct alert_args *a = c->args;
    const char *id = c->operands.values[0];
    struct err e = {0};

    if (!*id || strlen(id) > 9 || id[strspn(id, "0123456789")])
        err_set(&e, -EINVAL, "'%.20s': expected the number of a %s", id, what);
    else if (cli_db_open(&x, &a->db, CLI_DB_WRITE, &e) == 0 && end(x.db, id, &e) == 0)
        return printf("%s %s has ended\n", what, id), EXIT_NOTHING;
    return verb_fail(c, x.db ? cli_explain(&x, &e) : &e);
}

int verb_silence_remove(struct verb_call *c)
{
    return run_remove(c, "silence", silence_end);
}

int verb_window_remove(struct verb_call *c)
{
    return run_remove(c, "window", window_end);
}

/* ---- lists */

static const struct column silence_columns[] = {
    {"silence", "SILENCE", COLUMN_NUMBER}, {"state", "STATE", COLUMN_STATE},
    {"what", "WHAT", COLUMN_TEXT},         {"author", "AUTHOR", COLUMN_TEXT},
    {"reason", "REASON", COLUMN_TEXT},     {"from_at", NULL, COLUMN_TIME},
    {"until_at", "UNTIL", COLUMN_TIME},    {"kept", "KEPT", COLUMN_NUMBER},
};
static const struct column window_columns[] = {
    {"window", "WINDOW", COLUMN_NUMBER}, {"state", "STATE", COLUMN_STATE},
    {"what", "WHAT", COLUMN_TEXT},       {"times", "TIMES", COLUMN_TEXT},
    {"seconds", "OPEN", COLUMN_SPAN},    {"author", "AUTHOR", COLUMN_TEXT},
    {"reason", "REASON", COLUMN_TEXT},   {"until_at", "UNTIL", COLUMN_TIME},
    {"kept", "KEPT", COLUMN_NUMBER},
};
static const struct column incident_columns[] = {
    {"incident", "INCIDENT", COLUMN_NUMBER},  {"state", "STATE", COLUMN_STATE},
    {"severity", "SEVERITY", COLUMN_TEXT},    {"zone", "ZONE", COLUMN_TEXT},
    {"route", "ROUTE", COLUMN_TEXT},          {"key", NULL, COLUMN_JSON},
    {"opened_at", "SINCE", COLUMN_TIME},      {"updated_at", NULL, COLUMN_TIME},
    {"events", "EVENTS", COLUMN_NUMBER},      {"messages", "TOLD", COLUMN_NUMBER},
    {"summary", "LAST MESSAGE", COLUMN_TEXT},
};
static const struct column why_columns[] = {
    {"at", "AT", COLUMN_TIME}, {"step", "STEP", COLUMN_STATE}, {"detail", "DETAIL", COLUMN_TEXT}};

static int print(const struct db_rows *rows, struct table *t, bool json, const char *nothing,
                 struct err *e)
{
    CLEANUP(buf_done) struct buf out = {0};
    struct table_style style = table_style_for(stdout, json);

    if (cli_rows_table(t, rows, NULL, NULL) < 0)
        return err_set(e, -ENOMEM, "out of memory");
    table_write(&out, t, &style);
    if (!t->n_rows && style.mode == TABLE_TTY)
        buf_printf(&out, "%s\n", nothing);
    cli_print(&out);
    return 0;
}

static int run_list(struct verb_call *c, enum rules_list what, const struct column *columns,
                    size_t n_columns, const char *nothing)
{
    CLEANUP(cli_db_done) struct cli_db x = {0};
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    CLEANUP(table_done) struct table t = {.columns = columns, .n_columns = n_columns};
    const struct alert_args *a = c->args;
    struct err e = {0};

    if (cli_db_open(&x, &a->db, CLI_DB_ONCE, &e) < 0 ||
        rules_list(x.db, what, a->db.all, &rows, &e) < 0 ||
        print(rows, &t, a->db.json, nothing, &e) < 0)
        return verb_fail(c, cli_explain(&x, &e));
    return EXIT_NOTHING;
}

int verb_silence_list(struct verb_call *c)
{
    return run_list(c, RULES_SILENCES, silence_columns, ARRAY_LEN(silence_columns), "no silences");
}

int verb_window_list(struct verb_call *c)
{
    return run_list(c, RULES_WINDOWS, window_columns, ARRAY_LEN(window_columns),
                    "no maintenance windows");
}

int verb_incidents(struct verb_call *c)
{
    return run_list(c, RULES_INCIDENTS, incident_columns, ARRAY_LEN(incident_columns),
                    "no open incidents");
}

int verb_why(struct verb_call *c)
{
    CLEANUP(cli_db_done) struct cli_db x = {0};
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    CLEANUP(table_done)
    struct table t = {.columns = why_columns, .n_columns = ARRAY_LEN(why_columns)};
    const struct alert_args *a = c->args;
    struct err e = {0};

    if (cli_db_open(&x, &a->db, CLI_DB_ONCE, &e) < 0 ||
        rules_why(x.db, c->operands.values[0], c->operands.values[1], &rows, &e) < 0 ||
        print(rows, &t, a->db.json, "", &e) < 0)
        return verb_fail(c, cli_explain(&x, &e));
    return EXIT_NOTHING;
}
