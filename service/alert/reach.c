/* A URL in a configuration is trusted only so far: the name may lead anywhere tomorrow (rebinding),
 * and this process sits inside the network.  So addresses are judged after resolution, in their
 * plainest form: an IPv4 address wrapped into an IPv6 one is that IPv4 address.  `allow` names
 * exceptions one by one; it is how a receiver on the same machine is used. */
#include "service/alert/reach.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>

enum scope { SPECIAL, PRIVATE };

static const struct block {
    const char *text;
    enum scope scope;
    const char *why;
} blocks[] = {
    {"0.0.0.0/8", SPECIAL, "unspecified"},
    {"127.0.0.0/8", SPECIAL, "loopback"},
    {"169.254.0.0/16", SPECIAL, "link-local"},
    {"192.0.2.0/24", SPECIAL, "documentation"},
    {"198.51.100.0/24", SPECIAL, "documentation"},
    {"203.0.113.0/24", SPECIAL, "documentation"},
    {"198.18.0.0/15", SPECIAL, "benchmark"},
    {"224.0.0.0/4", SPECIAL, "multicast"},
    {"240.0.0.0/4", SPECIAL, "reserved"},
    {"::/127", SPECIAL, "loopback"}, /* :: and ::1 */
    {"fe80::/10", SPECIAL, "link-local"},
    {"fec0::/10", SPECIAL, "site-local"},
    {"ff00::/8", SPECIAL, "multicast"},
    {"100::/64", SPECIAL, "discard"},
    {"2001:db8::/32", SPECIAL, "documentation"},
    {"3fff::/20", SPECIAL, "documentation"},
    {"5f00::/16", SPECIAL, "segment routing"},
    {"10.0.0.0/8", PRIVATE, "private"},
    {"172.16.0.0/12", PRIVATE, "private"},
    {"192.168.0.0/16", PRIVATE, "private"},
    {"100.64.0.0/10", PRIVATE, "carrier-grade NAT"},
    {"192.0.0.0/24", PRIVATE, "protocol assignments"},
    {"192.88.99.0/24", PRIVATE, "6to4 relay"},
    {"fc00::/7", PRIVATE, "private"},
};

/* Where in a carrier the IPv4 address stands. */
static const struct carrier {
    const char *text;
    unsigned at;
    uint8_t mask; /* Teredo hides it with ones */
} carriers[] = {
    {"::ffff:0:0/96", 12, 0}, {"64:ff9b::/96", 12, 0}, {"64:ff9b:1::/48", 12, 0},
    {"2002::/16", 2, 0},      {"2001::/32", 12, 0xff}, {"::/96", 12, 0},
};

static bool in_block(const char *text, const struct addr *a)
{
    struct prefix p;

    return prefix_parse(text, &p, NULL) == 0 && prefix_contains(&p, a);
}

struct addr reach_carried(const struct addr *a)
{
    if (a->family != ADDR_V6 || in_block("::/127", a))
        return *a;
    for (size_t i = 0; i < ARRAY_LEN(carriers); i++) {
        uint8_t b[4];

        if (!in_block(carriers[i].text, a))
            continue;
        for (size_t k = 0; k < 4; k++)
            b[k] = a->b[carriers[i].at + k] ^ carriers[i].mask;
        return addr_from_bytes(ADDR_V4, b);
    }
    return *a;
}

const char *reach_refusal(const struct reach *r, const struct addr *a)
{
    struct addr plain = reach_carried(a);

    plain.scope = 0;
    if (plain.family == ADDR_NONE)
        return "no address";
    if (addr_set_contains(&r->allow, &plain))
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        if (blocks[i].scope == PRIVATE && r->policy == ALERT_REACH_LOCAL)
            continue;
        if (in_block(blocks[i].text, &plain))
            return blocks[i].why;
    }
    return NULL;
}

void reach_url_done(struct reach_url *u)
{
    free(u->host);
    u->host = NULL;
}

static void urlp_cleanup(CURLU **u)
{
    curl_url_cleanup(*u);
}

static void curl_freep(char **p)
{
    curl_free(*p);
}

static int check_scheme(CURLU *u, bool plain_http, struct err *e)
{
    CLEANUP(curl_freep) char *scheme = NULL;

    if (curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
        return err_set(e, -EINVAL, "url: expected https://host/...");
    if (strcmp(scheme, "https") == 0)
        return 0;
    if (strcmp(scheme, "http") != 0)
        return err_set(e, -EINVAL, "url: expected https://, not %.20s://", scheme);
    if (!plain_http)
        return err_set(e, -EINVAL,
                       "url: http:// sends in clear text; say `plain_http: true` if that is meant");
    return 0;
}

static int check_no_user(CURLU *u, struct err *e)
{
    CLEANUP(curl_freep) char *user = NULL;
    CLEANUP(curl_freep) char *password = NULL;

    if (curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK ||
        curl_url_get(u, CURLUPART_PASSWORD, &password, 0) == CURLUE_OK)
        return err_set(e, -EINVAL, "url: user name and password do not belong there");
    return 0;
}

static int take_port(CURLU *u, uint16_t *ret, struct err *e)
{
    CLEANUP(curl_freep) char *text = NULL;
    long port;

    if (curl_url_get(u, CURLUPART_PORT, &text, CURLU_DEFAULT_PORT) != CURLUE_OK)
        return err_set(e, -EINVAL, "url: no port");
    port = strtol(text, NULL, 10);
    if (port != 80 && port != 443 && (port < 1024 || port > 65535))
        return err_set(e, -EINVAL, "url: port %ld; expected 80, 443, or 1024 and above", port);
    *ret = (uint16_t)port;
    return 0;
}

static int take_host(CURLU *u, struct reach_url *ret, struct err *e)
{
    CLEANUP(curl_freep) char *host = NULL;
    size_t len;

    if (curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK || !host[0])
        return err_set(e, -EINVAL, "url: no host");
    for (const char *p = host; *p; p++)
        if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f)
            return err_set(e, -EINVAL, "url: the host name must be written in ASCII (xn--...)");
    len = strlen(host);
    ret->host = host[0] == '[' && host[len - 1] == ']' ? strndup(host + 1, len - 2) : strdup(host);
    if (!ret->host)
        return err_set(e, -ENOMEM, "out of memory");
    ret->literal = addr_parse(ret->host, &ret->addr) == 0;
    if (ret->literal && ret->addr.scope)
        return err_set(e, -EINVAL, "url: addresses with an interface are not supported");
    return 0;
}

int reach_url_parse(struct reach_url *ret, const char *url, bool plain_http, struct err *e)
{
    CLEANUP(urlp_cleanup) CURLU *u = curl_url();
    CLEANUP(reach_url_done) struct reach_url got = {0};
    int r;

    if (!u)
        return err_set(e, -ENOMEM, "out of memory");
    if (curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
        return err_set(e, -EINVAL, "url: not a URL; expected https://host/...");
    r = check_scheme(u, plain_http, e);
    if (r == 0)
        r = check_no_user(u, e);
    if (r == 0)
        r = take_port(u, &got.port, e);
    if (r == 0)
        r = take_host(u, &got, e);
    if (r < 0)
        return r;
    *ret = got;
    got.host = NULL;
    return 0;
}
