/* layer: packet
 * Any bytes, as Ethernet and as bare IP: no read outside, and what was published holds together. */
#include "engine/packet/decode.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(enum link_type type, const uint8_t *data, size_t len)
{
    struct packet p;
    uint8_t sum = 0;

    if (packet_decode(&p, type, data, len) < 0)
        return;
    if (p.payload_len > len || (p.layers & PACKET_QUOTE && !(p.layers & PACKET_ICMP)))
        abort();
    if (p.layers & PACKET_IP && p.ip.src.family != p.ip.dst.family)
        abort();
    for (size_t i = 0; i < p.payload_len; i++)
        sum ^= p.payload[i];
    __asm__ volatile("" ::"r"(sum));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    check(LINK_ETHERNET, data, len);
    check(LINK_RAW_IP, data, len);
    return 0;
}
