/* `muster doctor`: what Muster needs, looked at from outside, one line each: ok, warn or FAIL, and
 * what to do. */
#include "service/cli/verb_doctor.h"

#include "service/cli/doctor.h"
#include "service/config/config.h"

#include <stdarg.h>

static const struct column columns[] = {
    {"result", "RESULT", COLUMN_STATE},
    {"check", "CHECK", COLUMN_TEXT},
    {"finding", "FINDING", COLUMN_TEXT},
    {"cure", "WHAT TO DO", COLUMN_TEXT},
};

void doctor_add(struct doctor *d, enum verdict v, const char *check, const char *what,
                const char *cure)
{
    static const char *const words[] = {"ok", "warn", "FAIL"};
    const char *const cells[] = {words[v], check, what, cure};

    if (v == VERDICT_FAIL || table_add(&d->findings, cells) < 0)
        d->failures++;
    if (v == VERDICT_FAIL && table_add(&d->findings, cells) < 0)
        fputs("muster doctor: out of memory\n", stderr);
}

void doctor_addf(struct doctor *d, enum verdict v, const char *check, const char *cure,
                 const char *fmt, ...)
{
    CLEANUP(buf_done) struct buf text = {0};
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    doctor_add(d, v, check, text.data, cure);
}

/* Finds the configuration and what it says of the database. */
static void doctor_config(struct doctor *d)
{
    struct err e = {0};
    const struct config *c;

    if (cli_db_find(&d->db, d->args, &e) < 0) {
        doctor_add(d, VERDICT_FAIL, "config", err_text(&e),
                   "muster config check lists every problem; config/muster.yaml is an example");
        return;
    }
    c = d->db.config;
    if (d->db.fault.code)
        doctor_add(d, VERDICT_FAIL, "config", err_text(&d->db.fault),
                   "muster config check lists every problem; what follows is about the database "
                   "that it names");
    else if (!c)
        doctor_add(d, VERDICT_OK, "config", "not read: --database was given", NULL);
    else
        doctor_addf(d, VERDICT_OK, "config", NULL, "%s: zones: %u, endpoints: %u", c->path,
                    c->n_zones, c->n_endpoints);
}

/* Verdicts for people: the cure behind the finding, in its own line on a terminal. */
static void print_text(struct buf *out, const struct doctor *d, bool colour)
{
    for (size_t i = 0; i < d->findings.n_rows; i++) {
        char *const *row = &d->findings.cells[i * d->findings.n_columns];
        const char *code = row[0][0] == 'o' ? "32" : row[0][0] == 'w' ? "33" : "31";

        if (colour)
            buf_printf(out, "\x1b[%sm%-4s\x1b[0m  %-10s  ", code, row[0], row[1]);
        else
            buf_printf(out, "%-4s  %-10s  ", row[0], row[1]);
        screen_text(out, row[2]);
        if (row[3]) {
            buf_str(out, ": ");
            screen_text(out, row[3]);
        }
        buf_char(out, '\n');
    }
}

static void doctor_done(struct doctor *d)
{
    cli_db_done(&d->db);
    table_done(&d->findings);
}

int verb_doctor(struct verb_call *c)
{
    CLEANUP(doctor_done)
    struct doctor d = {.args = c->args,
                       .findings = {.columns = columns, .n_columns = ARRAY_LEN(columns)}};
    CLEANUP(buf_done) struct buf out = {0};
    struct table_style style = table_style_for(stdout, d.args->json);

    doctor_config(&d);
    doctor_database(&d);
    if (d.args->audit)
        doctor_audit(&d);
    doctor_rights(&d);
    if (!d.db.fault.code) {
        doctor_scripts(&d);
        doctor_endpoints(&d);
    }
    doctor_clock(&d);
    doctor_disk(&d);
    if (style.mode == TABLE_JSON)
        table_write(&out, &d.findings, &style);
    else
        print_text(&out, &d, style.colour);
    cli_print(&out);
    return d.failures ? EXIT_ERROR : EXIT_NOTHING;
}
