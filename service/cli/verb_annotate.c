/* `muster annotate`, `tag` and `approve`: what people say about assets.  The author is the login
 * name, unless --by says otherwise. */
#include "service/cli/asset_find.h"
#include "service/cli/verb_db.h"

#include "engine/base/buf.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const char *cli_author(const struct db_args *a)
{
    const struct passwd *p = a->by ? NULL : getpwuid(getuid());

    return a->by ? a->by : p && p->pw_name ? p->pw_name : "unknown";
}

static const char said_sql[] =
    "SELECT concat_ws(', ', 'label ' || label, 'owner ' || owner, 'criticality ' || criticality,"
    " 'expected ' || expected_presence, 'tags ' || NULLIF(array_to_string(tags, ' '), ''), 'note: "
    "' || note)"
    " FROM report.annotation WHERE asset_id = $1::uuid";

/* What is said now. */
static int say(struct cli_db *x, const char *what, const char *id, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    CLEANUP(buf_done) struct buf out = {0};
    int r = cli_ask(x, said_sql, &id, 1, &rows, e);
    const char *text = r == 0 ? db_rows_text(rows, 0, 0) : NULL;

    if (r < 0)
        return r;
    buf_printf(&out, "%s: ", what);
    screen_text(&out, text && *text ? text : "nothing is said");
    buf_char(&out, '\n');
    cli_print(&out);
    return 0;
}

static int annotate(struct cli_db *x, const struct db_args *a, const char *what, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    char id[40];
    const char *params[] = {id,          cli_author(a), a->label, a->owner, a->criticality,
                            a->presence, a->note};
    int r;

    if (!a->label && !a->owner && !a->criticality && !a->presence && !a->note)
        return err_set(
            e, -EINVAL,
            "nothing to say: give --owner, --criticality, --presence, --label or --note");
    r = cli_db_open(x, a, CLI_DB_WRITE, e);
    if (r == 0)
        r = asset_find_one(x, what, a->zone, id, e);
    if (r == 0)
        r = cli_ask(x,
                    "SELECT api.annotate($1::uuid, $2, "
                    "jsonb_strip_nulls(jsonb_build_object('label', $3::text,"
                    " 'owner', $4::text, 'criticality', $5::text, 'presence', $6::text, 'note', "
                    "$7::text)))",
                    params, ARRAY_LEN(params), &rows, e);
    return r < 0 ? r : say(x, what, id, e);
}

int verb_annotate(struct verb_call *c)
{
    CLEANUP(cli_db_done) struct cli_db x = {0};
    struct err e = {0};

    return annotate(&x, c->args, c->operands.values[0], &e) < 0 ? verb_fail(c, &e) : EXIT_NOTHING;
}

/* "{"a","b"}" */
static void array_of(struct buf *out, const char *const *values, size_t n)
{
    buf_char(out, '{');
    for (size_t i = 0; i < n; i++) {
        buf_str(out, i ? ",\"" : "\"");
        for (const char *p = values[i]; *p; p++) {
            if (*p == '"' || *p == '\\')
                buf_char(out, '\\');
            buf_char(out, *p);
        }
        buf_char(out, '"');
    }
    buf_char(out, '}');
}

static int tag(struct cli_db *x, const struct verb_call *c, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    CLEANUP(buf_done) struct buf add = {0}, drop = {0};
    const struct db_args *a = c->args;
    const char *params[] = {NULL, cli_author(a), NULL, NULL};
    char id[40];
    int r;

    if (c->operands.n < 2 && !a->removes.n)
        return err_set(e, -EINVAL, "no tag: give words, or --remove WORD");
    array_of(&add, c->operands.values + 1, c->operands.n - 1);
    array_of(&drop, a->removes.values, a->removes.n);
    if (add.failed || drop.failed)
        return err_set(e, -ENOMEM, "out of memory");
    r = cli_db_open(x, a, CLI_DB_WRITE, e);
    if (r == 0)
        r = asset_find_one(x, c->operands.values[0], a->zone, id, e);
    params[0] = id;
    params[2] = add.data;
    params[3] = drop.data;
    if (r == 0)
        r = cli_ask(x, "SELECT api.tag($1::uuid, $2, $3::text[], $4::text[])", params,
                    ARRAY_LEN(params), &rows, e);
    return r < 0 ? r : say(x, c->operands.values[0], id, e);
}

int verb_tag(struct verb_call *c)
{
    CLEANUP(cli_db_done) struct cli_db x = {0};
    struct err e = {0};

    return tag(&x, c, &e) < 0 ? verb_fail(c, &e) : EXIT_NOTHING;
}

/* A time, or a span from now on. */
static int until_time(const char *text, char ret[TIME_TEXT_MAX], struct err *e)
{
    struct timespec now;
    usec_t span;

    if (span_parse(text, &span) < 0)
        return cli_time(text, "--until", ret, e);
    clock_gettime(CLOCK_REALTIME, &now);
    time_format((usec_t)now.tv_sec * USEC_PER_SEC + span, ret);
    return 0;
}

/* "22" and "22/tcp" into protocol and port; both texts point into buf. */
static int place_parse(const char *text, char buf[32], const char **ret_protocol,
                       const char **ret_port, struct err *e)
{
    char *slash;
    unsigned long port;

    snprintf(buf, 32, "%s", text);
    slash = strchr(buf, '/');
    if (slash)
        *slash = '\0';
    *ret_protocol = slash ? slash + 1 : "tcp";
    *ret_port = buf;
    port = strlen(buf) < 6 && buf[0] && strspn(buf, "0123456789") == strlen(buf)
               ? strtoul(buf, NULL, 10)
               : 0;
    if (!port || port > 65535 ||
        (strcmp(*ret_protocol, "tcp") != 0 && strcmp(*ret_protocol, "udp") != 0 &&
         strcmp(*ret_protocol, "sctp") != 0))
        return err_set(e, -EINVAL, "'%s' is not a port; expected such as 22, 22/tcp or 161/udp",
                       text);
    return 0;
}

struct approval {
    const char *protocol, *port, *what;
    char place[32], until[TIME_TEXT_MAX], id[40];
};

static int approval_of(struct approval *p, const struct verb_call *c, struct err *e)
{
    const struct db_args *a = c->args;
    int r = 0;

    p->what = c->operands.values[0];
    if ((c->operands.n > 1) == (a->policy != NULL))
        return err_set(e, -EINVAL, "expected a port such as 22/tcp, or --policy NAME");
    if (a->end && (a->until || a->reason))
        return err_set(e, -EINVAL,
                       "--end takes an approval back; --until and --reason do not go with it");
    if (c->operands.n > 1)
        r = place_parse(c->operands.values[1], p->place, &p->protocol, &p->port, e);
    if (r == 0 && a->until)
        r = until_time(a->until, p->until, e);
    return r;
}

static int approve(struct cli_db *x, const struct verb_call *c, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    const struct db_args *a = c->args;
    struct approval p = {0};
    const char *params[] = {p.id, cli_author(a), NULL, NULL, a->policy, a->reason, NULL};
    int r = approval_of(&p, c, e);

    if (r == 0)
        r = cli_db_open(x, a, CLI_DB_WRITE, e);
    if (r == 0)
        r = asset_find_one(x, p.what, a->zone, p.id, e);
    params[2] = p.protocol;
    params[3] = p.port;
    params[6] = a->until ? p.until : NULL;
    if (r == 0 && a->end)
        r = cli_ask(x, "SELECT api.unapprove($1::uuid, $2, $3, $4::int4, $5)", params, 5, &rows, e);
    else if (r == 0)
        r = cli_ask(x, "SELECT api.approve($1::uuid, $2, $3, $4::int4, $5, $6, $7::timestamptz)",
                    params, ARRAY_LEN(params), &rows, e);
    if (r < 0)
        return r;
    if (!db_rows_bool(rows, 0, 0))
        return err_set(e, -ENOENT, "nothing of that kind is approved on %s (muster asset %s)",
                       p.what, p.what);
    printf("%s: %s%s%s%s%s%s%s\n", p.what, a->policy ? "policy " : "",
           a->policy ? a->policy : p.port, a->policy ? "" : "/", a->policy ? "" : p.protocol,
           a->end ? " is not approved any more" : " is approved", a->until ? " until " : "",
           a->until ? p.until : "");
    return 0;
}

int verb_approve(struct verb_call *c)
{
    CLEANUP(cli_db_done) struct cli_db x = {0};
    struct err e = {0};

    return approve(&x, c, &e) < 0 ? verb_fail(c, &e) : EXIT_NOTHING;
}
