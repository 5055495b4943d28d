/* Routes of alerts: what they match, whom they tell and when, and the settings around them. */
#include "service/config/compile_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define ZONEINFO "/usr/share/zoneinfo"

/* ---- when a digest is sent */

static const char *const day_names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

/* "Mon", "Mon-Fri", "Sat,Sun", "daily"; 0: it is none of these. */
static unsigned days_parse(const char *text, size_t len)
{
    unsigned days = 0, first = 0, last;
    bool range = false;

    if (len == 5 && strncasecmp(text, "daily", 5) == 0)
        return 0xfe;
    for (size_t i = 0; i + 3 <= len; i += 4) {
        for (last = 1; last <= 7 && strncasecmp(text + i, day_names[last - 1], 3) != 0; last++)
            ;
        if (last > 7)
            return 0;
        for (unsigned d = range ? first : last; d != last; d = d % 7 + 1)
            days |= 1U << d;
        days |= 1U << last;
        if (i + 3 == len)
            return days;
        range = text[i + 3] == '-';
        if (!range && text[i + 3] != ',')
            return 0;
        first = last;
    }
    return 0;
}

static unsigned two_digits(const char *t)
{
    return (unsigned)(t[0] - '0') * 10 + (unsigned)(t[1] - '0');
}

/* "08:00,16:30" */
static int times_parse(struct config_digest *d, const char *text, size_t len)
{
    for (size_t i = 0; i + 5 <= len; i += 6) {
        const char *t = text + i;
        unsigned minute;

        if (strspn(t, "0123456789") != 2 || t[2] != ':' || strspn(t + 3, "0123456789") != 2 ||
            d->n_minutes == DIGEST_TIMES_MAX)
            return -1;
        minute = two_digits(t) * 60 + two_digits(t + 3);
        if (two_digits(t + 3) > 59 || minute >= 24 * 60)
            return -1;
        d->minutes[d->n_minutes++] = minute;
        if (i + 5 == len)
            return 0;
        if (t[5] != ',')
            return -1;
    }
    return -1;
}

static bool zone_is_good(const char *name)
{
    char path[128];

    if (!*name || strlen(name) >= sizeof((struct config_digest *)0)->zone || *name == '/' ||
        strstr(name, "..") ||
        strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") !=
            strlen(name))
        return false;
    snprintf(path, sizeof path, ZONEINFO "/%s", name);
    return strcmp(name, "UTC") == 0 || access(path, R_OK) == 0 || access(ZONEINFO, F_OK) < 0;
}

int config_digest_parse(struct config_digest *ret, const char *text)
{
    struct config_digest d = {.days = 0xfe, .zone = "UTC"};
    size_t len = strcspn(text, " ");

    if (span_parse(text, &d.every) == 0) {
        *ret = d;
        return d.every >= MINUTE && d.every <= 7 * 24 * HOUR ? 0 : -EINVAL;
    }
    d.every = 0;
    if (text[0] < '0' || text[0] > '9') {
        d.days = days_parse(text, len);
        text += len + strspn(text + len, " ");
        len = strcspn(text, " ");
    }
    if (!d.days || times_parse(&d, text, len) < 0)
        return -EINVAL;
    text += len + strspn(text + len, " ");
    if (*text && !zone_is_good(text))
        return -EINVAL;
    if (*text)
        snprintf(d.zone, sizeof d.zone, "%s", text);
    *ret = d;
    return 0;
}

/* ---- what a route matches */

static void match_networks(struct compile *k, struct config_match *m, const char *place)
{
    struct addr_set set = {0};
    char full[PLACE_MAX];

    compile_place(full, place, "networks");
    compile_prefixes(k, full, m->networks, m->n_networks, &set);
    addr_set_done(&set);
}

static void match_ports(struct compile *k, struct config_match *m, const char *place)
{
    char full[PLACE_MAX];
    struct err e = {0};

    if (!m->ports)
        return;
    m->port_set = calloc(1, sizeof *m->port_set);
    if (!m->port_set) {
        k->no_memory = true;
        return;
    }
    compile_place(full, place, "ports");
    if (port_set_parse(m->port_set, m->ports, 1, NULL, &e) < 0)
        WRONG(k, full, "%s", err_text(&e));
}

/* Names of zones are known: one that fits none is a slip. */
static void match_zones(struct compile *k, const struct config_match *m, const char *place)
{
    for (uint32_t i = 0; i < m->n_zones; i++) {
        char full[PLACE_MAX];

        if (strpbrk(m->zones[i], "*?") || config_zone_find(k->c, m->zones[i]))
            continue;
        snprintf(full, sizeof full, "%.100s.zones[%u]", place, i);
        WRONG(k, full, "there is no zone '%.60s'", m->zones[i]);
    }
}

static void compile_match(struct compile *k, struct config_match *m, const char *route,
                          const char *key)
{
    char place[PLACE_MAX];

    if (!m)
        return;
    compile_place(place, route, key);
    if (!compile_has(k, place, "severity"))
        m->severity = -1;
    match_zones(k, m, place);
    match_networks(k, m, place);
    match_ports(k, m, place);
}

static bool match_is_all(const struct config_match *m)
{
    return !m || (!m->n_zones && !m->n_networks && !m->n_types && !m->n_kinds && !m->n_tags &&
                  !m->n_owners && !m->n_scripts && !m->n_assets && m->severity < 0 && !m->ports);
}

/* ---- routes */

static bool endpoint_is_known(const struct config *c, const char *name)
{
    for (uint32_t i = 0; i < c->n_endpoints; i++)
        if (strcmp(c->endpoints[i].name, name) == 0)
            return true;
    return false;
}

static void route_endpoints(struct compile *k, struct config_route *r, const char *place)
{
    r->all_endpoints = !compile_has(k, place, "endpoints");
    for (uint32_t i = 0; i < r->n_endpoints; i++) {
        char full[PLACE_MAX];

        if (endpoint_is_known(k->c, r->endpoints[i]))
            continue;
        snprintf(full, sizeof full, "%.80s.endpoints[%u]", place, i);
        WRONG(k, full, "there is no endpoint '%.60s'", r->endpoints[i]);
    }
}

static void route_times(struct compile *k, struct config_route *r, const char *place)
{
    char full[PLACE_MAX];

    r->group_wait = compile_span(k, place, "group_wait", r->group_wait_text,
                                 (struct bounds){0, HOUR, 10 * USEC_PER_SEC});
    r->group_interval = compile_span(k, place, "group_interval", r->group_interval_text,
                                     (struct bounds){0, 24 * HOUR, 2 * MINUTE});
    r->repeat_interval = compile_span(k, place, "repeat_interval", r->repeat_text,
                                      (struct bounds){MINUTE, 30 * 24 * HOUR, 0});
    if (!compile_has(k, place, "bypass"))
        r->bypass = -1;
    compile_place(full, place, "digest");
    r->has_digest = r->digest_text;
    if (r->has_digest && config_digest_parse(&r->times, r->digest_text) < 0)
        WRONG(k, full,
              "'%.60s': expected a span of 1m to 7d, or days, times and a time zone such as "
              "'Mon-Fri 08:00,16:00 Europe/Berlin'",
              r->digest_text);
    compile_place(full, place, "bypass");
    if (r->bypass >= 0 && !r->has_digest)
        WRONG(k, full, "has no meaning without 'digest'");
}

static void compile_route(struct compile *k, struct config_route *r, const char *place)
{
    compile_name(k, place, "name", r->name);
    compile_match(k, r->match, place, "match");
    compile_match(k, r->except, place, "except");
    route_endpoints(k, r, place);
    route_times(k, r, place);
    if (!compile_has(k, place, "group_by"))
        r->group_by = GROUP_ZONE;
    r->max_events =
        compile_number(k, place, "max_events", r->max_events, (struct limits){1, 1000, 100});
}

/* What no route matches goes nowhere: that has to be said. */
static void check_last(struct compile *k)
{
    const struct config_route *last = &k->c->routes[k->c->n_routes - 1];
    char place[PLACE_MAX];

    if (match_is_all(last->match) && match_is_all(last->except) && !last->goes_on)
        return;
    snprintf(place, sizeof place, "routes[%u]", k->c->n_routes - 1);
    WRONG(k, place,
          "events that no route matches would go nowhere; end with a route that has neither "
          "'match' nor 'except' nor 'continue' ('endpoints: []' tells nobody)");
}

static void compile_list(struct compile *k)
{
    struct config *c = k->c;

    for (uint32_t i = 0; i < c->n_routes; i++) {
        char place[PLACE_MAX];

        snprintf(place, sizeof place, "routes[%u]", i);
        compile_route(k, &c->routes[i], place);
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(c->routes[i].name, c->routes[j].name) == 0)
                WRONG(k, place, "there is a route named '%.60s' already", c->routes[i].name);
        if (match_is_all(c->routes[i].match) && match_is_all(c->routes[i].except) &&
            !c->routes[i].goes_on && i + 1 < c->n_routes) {
            snprintf(place, sizeof place, "routes[%u]", i + 1);
            WRONG(k, place, "is never reached: the route before it takes everything");
        }
    }
    if (c->n_routes)
        check_last(k);
}

/* ---- the settings around them */

static void compile_breaker(struct compile *k)
{
    static const char place[] = "alerts.breaker";
    struct config_breaker *b = k->c->alerts->breaker;

    b->share = compile_number(k, place, "share", b->share, (struct limits){1, 100, 30});
    b->least = compile_number(k, place, "least", b->least, (struct limits){2, 1000000, 20});
    b->canaries = compile_number(k, place, "canaries", b->canaries, (struct limits){0, 100, 5});
    b->window = compile_span(k, place, "window", b->window_text,
                             (struct bounds){MINUTE, 24 * HOUR, 10 * MINUTE});
    b->hold =
        compile_span(k, place, "hold", b->hold_text, (struct bounds){0, HOUR, 30 * USEC_PER_SEC});
    b->settle = compile_span(k, place, "settle", b->settle_text,
                             (struct bounds){USEC_PER_SEC, 24 * HOUR, 5 * MINUTE});
    b->confirm = compile_span(k, place, "confirm", b->confirm_text,
                              (struct bounds){USEC_PER_SEC, 24 * HOUR, 15 * MINUTE});
}

void compile_routes(struct compile *k)
{
    struct config_alerts *a = k->c->alerts;
    struct config_flap *f = a->flap;

    a->close_after = compile_span(k, "alerts", "close_after", a->close_after_text,
                                  (struct bounds){MINUTE, 7 * 24 * HOUR, HOUR});
    if (a->last_resort && !endpoint_is_known(k->c, a->last_resort))
        WRONG(k, "alerts.last_resort", "there is no endpoint '%.60s'", a->last_resort);
    compile_breaker(k);
    f->changes =
        compile_number(k, "alerts.flap", "changes", f->changes, (struct limits){2, 1000, 5});
    f->within = compile_span(k, "alerts.flap", "within", f->within_text,
                             (struct bounds){MINUTE, 24 * HOUR, HOUR});
    f->quiet = compile_span(k, "alerts.flap", "quiet", f->quiet_text,
                            (struct bounds){USEC_PER_SEC, 24 * HOUR, 30 * MINUTE});
    compile_list(k);
}
