/* layer: packet
 * Any bytes as ICMPv6: no read outside, and evidence that holds together. */
#include "engine/packet/hear_nd.h"
#include "tests/fuzz/fuzz_hear_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct hear_evidence e;
    struct addr src = {.family = ADDR_V6, .b = {0xfe, 0x80}};
    struct rbuf b = rbuf_of(data, len);

    src.b[15] = 5;
    if (hear_nd(&e, &b, &src) == 0)
        hear_check(&e);
    return 0;
}
