/* layer: packet
 * Any bytes as mDNS: no read outside, and evidence that holds together. */
#include "engine/packet/hear_mdns.h"
#include "tests/fuzz/fuzz_hear_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct hear_evidence e;
    struct rbuf b = rbuf_of(data, len);

    if (hear_mdns(&e, &b) == 0)
        hear_check(&e);
    return 0;
}
