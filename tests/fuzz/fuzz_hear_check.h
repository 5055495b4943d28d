/* What must hold for all evidence, whatever the bytes were: bounds kept, text printable, addresses
 * that a host can have. */
#pragma once

#include "engine/base/text.h"
#include "engine/packet/hear_evidence.h"

#include <stdlib.h>
#include <string.h>

static inline void hear_check_text(const char *text, size_t room)
{
    size_t len = strnlen(text, room);

    if (len == 0 || len == room || len > HEAR_FACT_MAX || !text_is_utf8(text, len))
        abort();
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            abort();
}

static inline void hear_check(const struct hear_evidence *e)
{
    if (e->source >= HEAR_SOURCES || e->n_addrs > HEAR_ADDRS_MAX || e->n_facts > HEAR_FACTS_MAX ||
        e->text_len > HEAR_TEXT_MAX || (e->has_mac && e->mac.b[0] & 1))
        abort();
    for (size_t i = 0; i < e->n_addrs; i++)
        if (!hear_addr_is_host(&e->addrs[i]))
            abort();
    for (size_t i = 0; i < e->n_facts; i++) {
        if (e->facts[i].kind >= HEAR_KINDS || e->facts[i].at >= e->text_len)
            abort();
        hear_check_text(e->text + e->facts[i].at, e->text_len - e->facts[i].at);
    }
}
