/* The database for a verb: found by the configuration, asked synchronously. */
#pragma once

#include "service/cli/db_args.h"
#include "service/cli/table.h"
#include "service/store/query.h"

struct config;
struct loop;
struct services;

struct cli_db {
    struct loop *loop;
    struct db *db;
    struct config *config; /* NULL: --database was given and no configuration was read */
    struct err fault;      /* of the configuration, of which only the place of the database was
                              taken; code 0: none */
    char *conninfo;
    struct services *names; /* of ports; loaded when first asked for */
    bool names_tried;
    bool connected; /* by what the state callback said last */
    char why[512];  /* it is not */
};

enum cli_db_mode {
    CLI_DB_ONCE,  /* the first failure ends it */
    CLI_DB_WRITE, /* the same, by a server that takes writes, where there are several */
    CLI_DB_STAY,  /* reconnects */
};

/* Which database: --database, else the configuration's.  conninfo is set; nothing is opened. */
int cli_db_find(struct cli_db *x, const struct db_args *a, struct err *e) MUST_USE;
/* Starts to connect to what was found. */
int cli_db_connect(struct cli_db *x, enum cli_db_mode mode, struct err *e) MUST_USE;
/* cli_db_find() and a connection that is being made. */
int cli_db_open(struct cli_db *x, const struct db_args *a, enum cli_db_mode mode,
                struct err *e) MUST_USE;
void cli_db_done(struct cli_db *x);

/* What to do about a connection that was not made. */
const char *cli_db_advice(const struct cli_db *x);
/* Says what to do about a database that is not there or not set up.  Returns e. */
const struct err *cli_explain(const struct cli_db *x, struct err *e);

/* One query, answered.  The text of e says what to do about a database that is not there or not set
 * up. */
int cli_ask(struct cli_db *x, const char *sql, const char *const *params, size_t n_params,
            struct db_rows **ret, struct err *e) MUST_USE;

/* The same with more patience, in milliseconds as text. */
int cli_ask_long(struct cli_db *x, const char *sql, const char *milliseconds, struct db_rows **ret,
                 struct err *e) MUST_USE;
/* Begins a transaction that reads alone, as the role muster_reader where the connection may become
 * it. */
int cli_begin_as_reader(struct cli_db *x, struct err *e);

/* What a port is registered for, for a port that nothing is known of.  Both as texts, may be NULL;
 * NULL: no name. */
const char *cli_port_name(struct cli_db *x, const char *protocol, const char *port);

/* The whole of a listing verb: query, table, stdout.  Returns an exit code. */
struct cli_listing {
    const char *sql;
    const char *const *params;
    size_t n_params;
    const struct column *columns;
    size_t n_columns;
    bool csv;
    const char *nothing; /* on a terminal, when there is no row */
    const char *zone; /* of this one alone: nothing in it is an error if it is not there; or NULL */
    /* Asked for cells without text; may be NULL. */
    const char *(*fill)(struct cli_db *x, const struct db_rows *r, size_t row, size_t column);
};
int cli_list(struct cli_db *x, const struct cli_listing *l, bool json, struct err *e);
/* Nothing was found in this zone: is there one of that name?  -ENOENT names those that there are.
 */
int cli_zone_check(struct cli_db *x, const char *zone, struct err *e) MUST_USE;
/* Rows into a table with its columns, in the order of the query.  l may be NULL. */
int cli_rows_table(struct table *t, const struct db_rows *r, struct cli_db *x,
                   const struct cli_listing *l) MUST_USE;
/* Writes and empties the buffer; an error of the stream ends the process as a pipe would. */
void cli_print(struct buf *out);

/* A time or a span ago (when.h) as RFC 3339.  -EINVAL names the option. */
int cli_time(const char *text, const char *option, char ret[TIME_TEXT_MAX], struct err *e) MUST_USE;
