/* Who is asked for names: the resolver of the whole, and of a zone for reverse names. */
#include "service/config/compile_priv.h"

#include <string.h>

#define SERVER_MAX   (ADDR_TEXT_MAX + 16)
#define SERVERS_MAX  8
#define NAMES_NORMAL HOUR

/* "192.0.2.1", "192.0.2.1:5353", "2001:db8::1", "[2001:db8::1]:5353" in [text, text + len). */
static bool server_is_good(const char *text, size_t len)
{
    char host[SERVER_MAX], *port = NULL, *end;
    struct addr a;
    unsigned long n;

    if (!len || len >= sizeof host)
        return false;
    snprintf(host, sizeof host, "%.*s", (int)len, text);
    if (*host == '[' && (end = strchr(host, ']'))) {
        port = end[1] == ':' ? end + 2 : NULL;
        if (end[1] && !port)
            return false;
        *end = 0;
        memmove(host, host + 1, strlen(host + 1) + 1);
    } else if ((end = strchr(host, ':')) && !strchr(end + 1, ':')) {
        *end = 0;
        port = end + 1;
    }
    if (addr_parse(host, &a) < 0)
        return false;
    if (!port)
        return true;
    n = strtoul(port, &end, 10);
    return *port >= '0' && *port <= '9' && !*end && n > 0 && n < 65536;
}

static void compile_servers(struct compile *k, const char *place, const char *text)
{
    const char *at = text;

    for (unsigned n = 1;; n++) {
        size_t len = strcspn(at, ",");

        if (n > SERVERS_MAX) {
            WRONG(k, place, "more than %d name servers", SERVERS_MAX);
            return;
        }
        if (!server_is_good(at, len)) {
            WRONG(k, place,
                  "'%.*s' is not the address of a name server; expected such as 192.0.2.53, "
                  "192.0.2.53:5353 or [2001:db8::53]:53, several separated by commas",
                  (int)(len < 60 ? len : 60), at);
            return;
        }
        if (!at[len])
            return;
        at += len + 1;
    }
}

void compile_resolver(struct compile *k)
{
    if (k->c->resolver)
        compile_servers(k, "resolver", k->c->resolver);
}

void compile_names(struct compile *k, struct config_zone *z, const char *place)
{
    char full[PLACE_MAX];

    compile_place(full, place, "resolver");
    if (!z->resolver && k->c->resolver)
        compile_text(k, &z->resolver, k->c->resolver);
    else if (z->resolver && strcmp(z->resolver, "off") == 0) {
        z->no_names = true;
        free(z->resolver);
        z->resolver = NULL;
    } else if (z->resolver)
        compile_servers(k, full, z->resolver);
    z->names_every = compile_span(k, place, "names_every", z->names_every_text,
                                  (struct bounds){USEC_PER_SEC, 366 * 24 * HOUR, NAMES_NORMAL});
    if (z->no_names && z->names_every_text) {
        compile_place(full, place, "names_every");
        WRONG(k, full, "has no meaning with 'resolver: off'");
    }
}
