/* layer: packet
 * Any bytes as an Ethernet frame: no read outside, and evidence that holds together. */
#include "engine/packet/hear_frame.h"
#include "tests/fuzz/fuzz_hear_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct hear_evidence e;
    if (hear_frame(&e, data, len) == 0)
        hear_check(&e);
    return 0;
}
