/* What the tests of the decoders of overheard protocols share: messages as hex text, evidence as
 * one line of text, and the checks that hold for every decoder. */
#pragma once

#include "engine/packet/hear_evidence.h"
#include "tests/support/main.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX 2048

struct hear_case {
    const char *name;
    const char *hex;
    int want;
    const char *says; /* NULL: nothing */
};

typedef int (*hear_decoder)(struct hear_evidence *ret, struct rbuf *b);

static inline size_t from_hex(const char *hex, uint8_t out[MESSAGE_MAX])
{
    size_t n = 0;

    for (; *hex; hex += 2) {
        unsigned v;

        assert_int_equal(sscanf(hex, "%2x", &v), 1);
        assert_true(n < MESSAGE_MAX);
        out[n++] = (uint8_t)v;
    }
    return n;
}

static inline void say(char *out, size_t size, const char *key, const char *value)
{
    size_t n = strlen(out);

    snprintf(out + n, size - n, "%s%s=%s", n ? " " : "", key, value);
}

static inline void say_addrs(const struct hear_evidence *e, char *out, size_t size)
{
    char text[ADDR_TEXT_MAX];

    if (e->has_mac)
        say(out, size, "mac", mac_format(&e->mac, text));
    for (size_t i = 0; i < e->n_addrs; i++)
        say(out, size, "addr", addr_format(&e->addrs[i], text));
    if (e->requested.family != ADDR_NONE)
        say(out, size, "wants", addr_format(&e->requested, text));
}

/* "mac=.. addr=.. wants=.. KIND=.." in the order of the kinds. */
static inline const char *said(const struct hear_evidence *e, char *out, size_t size)
{
    static const char *const kinds[HEAR_KINDS] = {
        "name",    "service", "role",      "group", "prefix",   "title",  "class",
        "id",      "params",  "vendor",    "model", "software", "serial", "system",
        "chassis", "port",    "portlabel", "uuid",  "location",
    };
    char vlan[16];

    *out = '\0';
    say_addrs(e, out, size);
    for (int kind = 0; kind < HEAR_KINDS; kind++)
        for (unsigned n = 0; hear_fact_text(e, (enum hear_kind)kind, n); n++)
            say(out, size, kinds[kind], hear_fact_text(e, (enum hear_kind)kind, n));
    snprintf(vlan, sizeof vlan, "%u", e->vlan);
    if (e->vlan)
        say(out, size, "vlan", vlan);
    snprintf(vlan, sizeof vlan, "%u", e->port_vlan);
    if (e->port_vlan)
        say(out, size, "portvlan", vlan);
    return out;
}

/* Decodes a copy of exactly that size, so that ASan sees a read behind its end. */
static inline int decode_copy(hear_decoder decode, struct hear_evidence *ret, const uint8_t *data,
                              size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    struct rbuf b;
    int r;

    assert_non_null(copy);
    memcpy(copy, data, len);
    b = rbuf_of(copy, len);
    r = decode(ret, &b);
    free(copy);
    return r;
}

static inline void check_cases(hear_decoder decode, const struct hear_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct hear_evidence e, before;
        uint8_t data[MESSAGE_MAX];
        size_t len = from_hex(cases[i].hex, data);
        char text[4096];
        int r;

        memset(&e, 0x5a, sizeof e);
        before = e;
        r = decode_copy(decode, &e, data, len);
        if (r != cases[i].want)
            fail_msg("%s: %d instead of %d", cases[i].name, r, cases[i].want);
        if (r < 0)
            assert_memory_equal(&e, &before, sizeof e);
        else if (strcmp(said(&e, text, sizeof text), cases[i].says) != 0)
            fail_msg("%s:\n got %s\nwant %s", cases[i].name, text, cases[i].says);
    }
}

/* Every beginning of a message: evidence or an error, and with an error *ret is as it was. */
static inline void check_cuts(hear_decoder decode, const struct hear_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t data[MESSAGE_MAX];
        size_t len = from_hex(cases[i].hex, data);

        for (size_t cut = 0; cut < len; cut++) {
            struct hear_evidence e, before;

            memset(&e, 0x5a, sizeof e);
            before = e;
            if (decode_copy(decode, &e, data, cut) < 0)
                assert_memory_equal(&e, &before, sizeof e);
        }
    }
}
