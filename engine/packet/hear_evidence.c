/* The bag that all decoders of overheard protocols fill.
 *
 * Text is made printable here, in one place, because every decoder takes it from strangers and
 * everybody behind (log, JSON, PostgreSQL) wants it harmless.  It lives in one arena inside the
 * value: a decoder allocates nothing, and what it publishes is one assignment. */
#include "engine/packet/hear_evidence.h"

#include "engine/base/text.h"

#include <stdio.h>
#include <string.h>

static const char *const source_names[HEAR_SOURCES] = {
    "arp", "nd", "ra", "dhcp", "dhcpv6", "mdns", "lldp", "cdp", "ssdp", "nbns",
};

const char *hear_source_name(enum hear_source s)
{
    return source_names[s];
}

/* C1 controls are two bytes in UTF-8, c2 80 .. c2 9f. */
static bool has_control(const unsigned char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (s[i] < 0x20 || s[i] == 0x7f)
            return true;
        if (s[i] == 0xc2 && i + 1 < len && s[i + 1] < 0xa0)
            return true;
    }
    return false;
}

static size_t cut_sequence(const unsigned char *s, size_t len, size_t max)
{
    if (len <= max)
        return len;
    while (max > 0 && (s[max] & 0xc0) == 0x80)
        max--;
    return max;
}

/* Writes at most HEAR_FACT_MAX bytes and a NUL; returns the length. */
static size_t make_printable(char out[HEAR_FACT_MAX + 1], const unsigned char *s, size_t len)
{
    size_t cut = cut_sequence(s, len, HEAR_FACT_MAX), n = 0;

    if (text_is_utf8((const char *)s, cut) && !has_control(s, cut)) {
        memcpy(out, s, cut);
        out[cut] = '\0';
        return cut;
    }
    for (size_t i = 0; i < len; i++) {
        bool plain = s[i] >= 0x20 && s[i] < 0x7f;
        size_t need = plain ? 1 : 4;

        if (n + need > HEAR_FACT_MAX)
            break;
        snprintf(out + n, need + 1, plain ? "%c" : "\\x%02X", s[i]);
        n += need;
    }
    out[n] = '\0';
    return n;
}

static bool is_known(const struct hear_evidence *e, enum hear_kind kind, const char *text)
{
    for (size_t i = 0; i < e->n_facts; i++)
        if (e->facts[i].kind == kind && !strcmp(e->text + e->facts[i].at, text))
            return true;
    return false;
}

void hear_add(struct hear_evidence *e, enum hear_kind kind, const void *bytes, size_t len)
{
    const unsigned char *s = bytes;
    char text[HEAR_FACT_MAX + 1];

    while (len > 0 && (s[len - 1] == '\0' || s[len - 1] == ' '))
        len--;
    while (len > 0 && *s == ' ') {
        s++;
        len--;
    }
    if (len == 0 || e->n_facts == HEAR_FACTS_MAX)
        return;
    len = make_printable(text, s, len);
    if (e->text_len + len + 1 > sizeof e->text || is_known(e, kind, text))
        return;
    e->facts[e->n_facts++] = (struct hear_fact){(uint8_t)kind, e->text_len};
    memcpy(e->text + e->text_len, text, len + 1);
    e->text_len = (uint16_t)(e->text_len + len + 1);
}

void hear_add_text(struct hear_evidence *e, enum hear_kind kind, const char *text)
{
    hear_add(e, kind, text, strlen(text));
}

void hear_add_hex(struct hear_evidence *e, enum hear_kind kind, const uint8_t *bytes, size_t len)
{
    char text[HEAR_FACT_MAX + 1];
    size_t n = 0;

    for (size_t i = 0; i < len && n + 3 < sizeof text; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, i ? ":%02x" : "%02x", bytes[i]);
    hear_add(e, kind, text, n);
}

bool hear_addr_is_host(const struct addr *a)
{
    static const uint8_t zero[16];

    if (a->family == ADDR_V4)
        return a->b[0] != 0 && a->b[0] != 127 && a->b[0] < 224;
    if (a->family == ADDR_V6)
        return a->b[0] != 0xff && memcmp(a->b, zero, 15) != 0;
    return false;
}

static size_t find_addr(const struct hear_evidence *e, const struct addr *a)
{
    size_t i = 0;

    while (i < e->n_addrs && !addr_equal(&e->addrs[i], a))
        i++;
    return i;
}

void hear_add_addr(struct hear_evidence *e, const struct addr *a)
{
    if (hear_addr_is_host(a) && find_addr(e, a) == e->n_addrs && e->n_addrs < HEAR_ADDRS_MAX)
        e->addrs[e->n_addrs++] = *a;
}

void hear_add_addr_first(struct hear_evidence *e, const struct addr *a)
{
    size_t at = find_addr(e, a);

    if (!hear_addr_is_host(a))
        return;
    if (at == HEAR_ADDRS_MAX)
        at--; /* the last one makes room */
    else if (at == e->n_addrs)
        e->n_addrs++;
    memmove(&e->addrs[1], &e->addrs[0], at * sizeof e->addrs[0]);
    e->addrs[0] = *a;
}

void hear_set_mac(struct hear_evidence *e, const struct mac *mac)
{
    static const struct mac zero;

    if (mac->b[0] & 1 || !memcmp(mac, &zero, sizeof zero))
        return;
    e->mac = *mac;
    e->has_mac = true;
}

const char *hear_fact_text(const struct hear_evidence *e, enum hear_kind kind, unsigned n)
{
    for (size_t i = 0; i < e->n_facts; i++)
        if (e->facts[i].kind == kind && n-- == 0)
            return e->text + e->facts[i].at;
    return NULL;
}

void hear_read_addr(struct rbuf *b, enum addr_family family, struct addr *ret)
{
    const uint8_t *p = rbuf_bytes(b, family == ADDR_V6 ? 16 : 4);

    if (p)
        *ret = addr_from_bytes(family, p);
}
