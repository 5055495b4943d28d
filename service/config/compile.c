/* The second half of reading a configuration: what a schema cannot say.
 *
 * Walks the structs that libcyaml filled, in the order of the file, reads the texts with a grammar
 * of their own, and puts a default where the document has no value (asked of the document, because
 * 0 may be meant).  Places are kept as text so that each message names the line. */
#include "service/config/compile_priv.h"

#include "engine/base/log.h"
#include "service/config/paths.h"

#include <errno.h>
#include <libgen.h>
#include <string.h>

#define NAME_LEN_MAX      63
#define INTERFACE_LEN_MAX 15
#define ADDRESSES_MAX                                                                              \
    ADDR_SWEEP_MAX /* a zone: what a sweep can visit in a day at 200 packets a second */
#define RATE_MAX      10000000U
#define COVERAGE_KEEP (400 * 24 * HOUR)
#define LOOPBACK_RATE 100000
#define DEFAULT_RATE  1000

void compile_text(struct compile *k, char **field, const char *value)
{
    free(*field);
    *field = strdup(value);
    if (!*field)
        k->no_memory = true;
}

void compile_place(char ret[PLACE_MAX], const char *place, const char *key)
{
    snprintf(ret, PLACE_MAX, "%.80s%s%.40s", place, *place ? "." : "", key);
}

bool compile_has(const struct compile *k, const char *place, const char *key)
{
    char full[PLACE_MAX];

    compile_place(full, place, key);
    return document_has(k->d, full);
}

/* A span: the default where there is no text. */
usec_t compile_span(struct compile *k, const char *place, const char *key, const char *text,
                    struct bounds b)
{
    char full[PLACE_MAX], min[TIME_TEXT_MAX], max[TIME_TEXT_MAX];
    usec_t span;

    if (!text)
        return b.normal;
    compile_place(full, place, key);
    if (span_parse(text, &span) < 0)
        WRONG(k, full,
              "'%.40s' is not a span; expected a number and a unit, such as 30s, 5m or "
              "1h30m",
              text);
    else if (span < b.min || span > b.max)
        WRONG(k, full, "%s is outside %s to %s", text, span_format(b.min, min),
              span_format(b.max, max));
    else
        return span;
    return b.normal;
}

uint32_t compile_number(struct compile *k, const char *place, const char *key, uint32_t value,
                        struct limits l)
{
    char full[PLACE_MAX];

    if (!compile_has(k, place, key))
        return l.normal;
    compile_place(full, place, key);
    if (value < l.min || value > l.max)
        WRONG(k, full, "%u is outside %u to %u", value, l.min, l.max);
    return value;
}

/* Names are keys in the database and words in shells: lower case, no dots, no spaces. */
static bool name_is_good(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";

    return *name && *name != '_' && *name != '-' && !name[strspn(name, letters)];
}

void compile_name(struct compile *k, const char *place, const char *key, const char *name)
{
    char full[PLACE_MAX];

    compile_place(full, place, key);
    if (!name_is_good(name))
        WRONG(k, full,
              "'%.60s' is not a name; expected lower-case letters, digits, '-' and '_', and a "
              "letter or digit first",
              name);
    else if (strlen(name) > NAME_LEN_MAX)
        WRONG(k, full, "longer than %d characters", NAME_LEN_MAX);
}

void compile_prefixes(struct compile *k, const char *place, char **texts, uint32_t n,
                      struct addr_set *set)
{
    for (uint32_t i = 0; i < n; i++) {
        char full[PLACE_MAX];
        struct prefix prefix;
        struct err e = {0};

        snprintf(full, sizeof full, "%.100s[%u]", place, i);
        if (strchr(texts[i], '%')) /* neither the schedule nor the database knows links */
            WRONG(k, full, "'%.60s' names a link; expected an address or a network without '%%'",
                  texts[i]);
        else if (prefix_parse(texts[i], &prefix, &e) < 0)
            WRONG(k, full, "%s", err_text(&e));
        else if (addr_set_add_prefix(set, &prefix) < 0)
            k->no_memory = true;
    }
}

void compile_path(struct compile *k, char **path)
{
    CLEANUP(freep) char *copy = NULL;
    CLEANUP(freep) char *dir = NULL;
    struct buf full = {0};

    if (!*path || **path == '/')
        return;
    copy = strdup(k->c->path);
    dir = copy ? realpath(dirname(copy), NULL) : NULL;
    buf_printf(&full, "%s/%s", dir ? dir : ".", strcmp(*path, ".") == 0 ? "" : *path);
    if (full.failed || !copy) {
        k->no_memory = true;
        buf_done(&full);
        return;
    }
    while (full.len > 1 && full.data[full.len - 1] == '/')
        full.data[--full.len] = 0;
    free(*path);
    *path = buf_take(&full);
}

void compile_reference(struct compile *k, const char *place, const char *text)
{
    if (strncmp(text, "file:/", 6) != 0 && !(strncmp(text, "cred:", 5) == 0 && text[5]))
        WRONG(k, place,
              "secrets do not stand in this file; expected where it is kept: "
              "file:/path or cred:NAME (a systemd credential)");
}

static bool zone_is_loopback(const struct config_zone *z)
{
    for (size_t i = 0; i < z->scope.n; i++)
        if (!addr_is_loopback(&z->scope.ranges[i].first) ||
            !addr_is_loopback(&z->scope.ranges[i].last))
            return false;
    return z->scope.n > 0;
}

static void compile_scope(struct compile *k, struct config_zone *z, const char *place)
{
    CLEANUP(addr_set_done) struct addr_set swept = {0};
    unsigned before = k->p->n;
    char full[PLACE_MAX];
    uint64_t count;

    compile_place(full, place, "networks");
    compile_prefixes(k, full, z->networks, z->n_networks, &z->scope);
    compile_place(full, place, "excludes");
    compile_prefixes(k, full, z->excludes, z->n_excludes, &z->excluded);
    if (addr_set_subtract(&z->scope, &z->excluded) < 0)
        k->no_memory = true;
    if (k->p->n != before)
        return; /* a network was not understood: the count would mislead */
    compile_place(full, place, "networks");
    if (addr_set_narrow(&swept, &z->scope) < 0)
        k->no_memory = true;
    count = addr_set_count(&swept);
    z->has_wide = swept.n < z->scope.n;
    if (!z->scope.n)
        WRONG(k, full, "nothing is left of them after the excludes");
    else if (count > ADDRESSES_MAX)
        WRONG(k, full, "%s addresses are more than a zone may sweep (%u); name smaller networks",
              count == UINT64_MAX ? "these" : "so many", ADDRESSES_MAX);
}

static void compile_guard(struct compile *k, struct config_zone *z, const char *place)
{
    const struct limits any = {0, RATE_MAX, 0};
    CLEANUP(freep) struct port_set *set = calloc(1, sizeof *set);
    char full[PLACE_MAX];
    struct err e = {0};

    z->host_rate = compile_number(k, place, "host_rate", z->host_rate, any);
    z->net_rate = compile_number(k, place, "net_rate", z->net_rate, any);
    compile_place(full, place, "fragile_ports");
    if (!set)
        k->no_memory = true;
    else if (z->fragile && port_set_parse(set, z->fragile, 1, NULL, &e) < 0)
        WRONG(k, full, "%s", err_text(&e));
    else if (port_set_count(set, PROTOCOL_UDP))
        WRONG(k, full, "only TCP ports can be fragile; leave out the U: part");
}

static void compile_listen(struct compile *k, struct config_zone *z, const char *place)
{
    char full[PLACE_MAX];

    z->listen_auto = !compile_has(k, place, "listen");
    for (uint32_t i = 0; i < z->n_listen; i++) {
        size_t len = strlen(z->listen[i]);

        snprintf(full, sizeof full, "%.100s.listen[%u]", place, i);
        if (len > INTERFACE_LEN_MAX || z->listen[i][strcspn(z->listen[i], " /")])
            WRONG(k, full, "'%.40s' is not the name of an interface, such as eth0", z->listen[i]);
    }
    compile_place(full, place, "promiscuous");
    if (z->promiscuous && !z->listen_auto && !z->n_listen)
        WRONG(k, full, "nothing is listened to: 'listen' is empty");
    compile_place(full, place, "networks");
    if (z->has_wide && !z->listen_auto && !z->n_listen)
        WRONG(k, full,
              "an IPv6 network of more than %u addresses is known by what is heard, and 'listen' "
              "is empty",
              ADDR_SWEEP_MAX);
}

static bool has_ipv6(const struct addr_set *s)
{
    return s->n && s->ranges[s->n - 1].first.family == ADDR_V6; /* they sort behind IPv4 */
}

static void compile_multicast(struct compile *k, struct config_zone *z, const char *place)
{
    char full[PLACE_MAX];

    z->multicast = compile_span(k, place, "multicast", z->multicast_text,
                                (struct bounds){10 * USEC_PER_SEC, 366 * 24 * HOUR, 0});
    compile_place(full, place, "multicast");
    if (!z->multicast)
        return;
    if (has_ipv6(&z->excluded))
        WRONG(k, full, "a multicast would reach the IPv6 addresses among 'excludes'");
    else if (!has_ipv6(&z->scope))
        WRONG(k, full, "has no meaning in a zone without an IPv6 network");
    else if (!z->listen_auto && !z->n_listen)
        WRONG(k, full, "nothing is listened to: 'listen' is empty");
}

static void compile_zone(struct compile *k, struct config_zone *z, const char *place)
{
    char full[PLACE_MAX];
    uint32_t rate;

    compile_name(k, place, "name", z->name);
    compile_scope(k, z, place);
    compile_listen(k, z, place);
    compile_multicast(k, z, place);
    rate = zone_is_loopback(z) ? LOOPBACK_RATE : DEFAULT_RATE;
    z->rate = compile_number(k, place, "rate", z->rate, (struct limits){1, RATE_MAX, rate});
    compile_guard(k, z, place);
    compile_names(k, z, place);
    compile_place(full, place, "confirm");
    z->confirm->misses =
        compile_number(k, full, "misses", z->confirm->misses, (struct limits){2, 100, 2});
    z->confirm->host_misses =
        compile_number(k, full, "host_misses", z->confirm->host_misses, (struct limits){2, 100, 3});
    z->confirm->after = compile_span(k, full, "after", z->confirm->after_text,
                                     (struct bounds){USEC_PER_SEC, 24 * HOUR, 15 * USEC_PER_SEC});
    compile_passes(k, z, place);
}

static void compile_zones(struct compile *k)
{
    struct config *c = k->c;

    for (uint32_t i = 0; i < c->n_zones; i++) {
        char place[PLACE_MAX];

        snprintf(place, sizeof place, "zones[%u]", i);
        compile_zone(k, &c->zones[i], place);
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(c->zones[i].name, c->zones[j].name) == 0)
                WRONG(k, place, "there is a zone named '%.60s' already", c->zones[i].name);
    }
}

static void compile_database(struct compile *k)
{
    char **db = &k->c->database;

    if (k->c->database_secret)
        compile_reference(k, "database_secret", k->c->database_secret);
    if (!*db || strcmp(*db, "embedded") == 0) {
        free(*db);
        *db = NULL;
        return;
    }
    if (!strchr(*db, '=') && strncmp(*db, "postgresql://", 13) != 0 &&
        strncmp(*db, "postgres://", 11) != 0)
        WRONG(k, "database",
              "'%.60s' is neither 'embedded' nor a libpq connection string such as "
              "'host=/run/postgresql dbname=muster'",
              *db);
    if (strstr(*db, "password=") || (strstr(*db, "://") && strchr(*db, '@') &&
                                     strchr(strstr(*db, "://") + 3, ':') < strchr(*db, '@') &&
                                     strchr(strstr(*db, "://") + 3, ':')))
        WRONG(k, "database",
              "a password does not stand in this file; name where it is kept with "
              "'database_secret: file:/path' or 'cred:NAME'");
}

static void compile_log_level(struct compile *k)
{
    static const struct {
        const char *name;
        int level;
    } levels[] = {
        {"error", LOG_ERR}, {"warning", LOG_WARNING}, {"notice", LOG_NOTICE},
        {"info", LOG_INFO}, {"debug", LOG_DEBUG},
    };
    const char *text = k->c->log_level_text;

    k->c->log_level = LOG_INFO;
    if (!text)
        return;
    for (size_t i = 0; i < ARRAY_LEN(levels); i++)
        if (strcmp(text, levels[i].name) == 0) {
            k->c->log_level = levels[i].level;
            return;
        }
    WRONG(k, "log_level", "'%.40s' is not one of error, warning, notice, info, debug", text);
}

/* systemd gives the directory that StateDirectory= made; several are joined by colons. */
static void compile_state_directory(struct compile *k)
{
    const char *given = getenv("STATE_DIRECTORY");

    if (k->c->state_directory)
        compile_path(k, &k->c->state_directory);
    else if (given && *given) {
        compile_text(k, &k->c->state_directory, given);
        if (k->c->state_directory)
            k->c->state_directory[strcspn(k->c->state_directory, ":")] = 0;
    } else
        compile_text(k, &k->c->state_directory, "/var/lib/muster");
}

/* "0" is for ever. */
static usec_t compile_keep(struct compile *k, const char *place, const char *key, const char *text,
                           usec_t normal)
{
    const usec_t day = 24 * HOUR;

    if (text && strcmp(text, "0") == 0)
        return 0;
    return compile_span(k, place, key, text, (struct bounds){day, 36500 * day, normal});
}

static void compile_retention(struct compile *k)
{
    struct config_retention *r = k->c->retention;

    r->history = compile_keep(k, "retention", "history", r->history_text, 0);
    r->scripts = compile_keep(k, "retention", "scripts", r->scripts_text, r->history);
    r->coverage = compile_keep(k, "retention", "coverage", r->coverage_text, COVERAGE_KEEP);
    r->absent = compile_keep(k, "retention", "absent", r->absent_text, 0);
    for (uint32_t i = 0; i < k->c->n_zones; i++) {
        struct config_retention *z = k->c->zones[i].retention;
        char place[PLACE_MAX];

        snprintf(place, sizeof place, "zones[%u].retention", i);
        z->history = compile_keep(k, place, "history", z->history_text, r->history);
        z->scripts = compile_keep(k, place, "scripts", z->scripts_text,
                                  z->history_text ? z->history : r->scripts);
        z->coverage = compile_keep(k, place, "coverage", z->coverage_text, r->coverage);
    }
}

static void datadirs_default(struct compile *k)
{
    struct config_scripts *s = k->c->scripts;
    char dir[PATH_MAX];

    if (paths_data(dir, NULL) < 0)
        return; /* the scripts passes will say that they find no scripts */
    s->datadirs = calloc(1, sizeof *s->datadirs);
    if (!s->datadirs) {
        k->no_memory = true;
        return;
    }
    s->n_datadirs = 1;
    compile_text(k, &s->datadirs[0], dir);
}

static void compile_scripts(struct compile *k)
{
    struct config_scripts *s = k->c->scripts;

    if (!s->n_datadirs)
        datadirs_default(k);
    for (uint32_t i = 0; i < s->n_datadirs; i++)
        compile_path(k, &s->datadirs[i]);
    compile_path(k, &s->args_file);
    s->workers = compile_number(k, "scripts", "workers", s->workers, (struct limits){1, 64, 2});
    s->memory_mib =
        compile_number(k, "scripts", "memory_mib", s->memory_mib, (struct limits){64, 65536, 512});
    s->max_threads = compile_number(k, "scripts", "max_threads", s->max_threads,
                                    (struct limits){1, 100000, 1000});
}

/* Sections that the file leaves out are there, empty; cyaml_free() takes them with the rest. */
static bool sections_default(struct config *c)
{
    if (!c->scanner)
        c->scanner = calloc(1, sizeof *c->scanner);
    if (!c->scripts)
        c->scripts = calloc(1, sizeof *c->scripts);
    if (!c->retention)
        c->retention = calloc(1, sizeof *c->retention);
    for (uint32_t i = 0; i < c->n_zones; i++) {
        struct config_zone *z = &c->zones[i];

        if (!z->confirm)
            z->confirm = calloc(1, sizeof *z->confirm);
        if (!z->retention)
            z->retention = calloc(1, sizeof *z->retention);
        if (!z->confirm || !z->retention)
            return false;
    }
    if (!c->alerts)
        c->alerts = calloc(1, sizeof *c->alerts);
    if (!c->alerts)
        return false;
    if (!c->alerts->breaker)
        c->alerts->breaker = calloc(1, sizeof *c->alerts->breaker);
    if (!c->alerts->flap)
        c->alerts->flap = calloc(1, sizeof *c->alerts->flap);
    return c->retention && c->scanner && c->scripts && c->alerts->breaker && c->alerts->flap;
}

int compile_config(struct config *c, const struct document *d, struct problems *p)
{
    struct compile k = {.c = c, .d = d, .p = p};

    if (!sections_default(c))
        return err_set(p->e, -ENOMEM, "out of memory");
    compile_database(&k);
    if (c->sensor)
        compile_name(&k, "", "sensor", c->sensor);
    compile_state_directory(&k);
    compile_log_level(&k);
    c->scanner->rate = compile_number(&k, "scanner", "rate", c->scanner->rate,
                                      (struct limits){1, RATE_MAX, 10000});
    compile_scripts(&k);
    compile_resolver(&k);
    compile_zones(&k);
    compile_retention(&k);
    compile_endpoints(&k);
    compile_routes(&k);
    return k.no_memory ? err_set(p->e, -ENOMEM, "out of memory") : 0;
}
