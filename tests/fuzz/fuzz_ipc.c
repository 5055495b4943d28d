/* layer: ipc
 * Any bytes as a frame from a worker that is in foreign hands: refused, or a value that encodes to
 * the same bytes. */
#include "service/ipc/messages.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void gather(const struct ipc_message *m, const union ipc_any *value)
{
    static uint64_t words[1024];
    struct addr_set set = {0};

    if (m->type == MSG_SCOPE && ipc_ranges_get(&set, &value->scope.ranges) == 0 &&
        set.n > IPC_PIECE_MAX / IPC_RANGE_LEN(ADDR_V4))
        abort();
    if (m->type == MSG_SCAN_PORTS)
        (void)ipc_port_bits_get(words, &value->scan_ports.bits);
    addr_set_done(&set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct ipc_message *m;
    struct buf again = {0};
    struct ipc_header h;
    union ipc_any value;

    if (ipc_decode_header(&h, data, len) < 0)
        return 0;
    m = ipc_message_find(h.type);
    if (!m || ipc_decode(m, &value, data, len) < 0)
        return 0;
    gather(m, &value);
    if (ipc_encode(&again, m, h.id, &value) < 0 || again.len != len ||
        memcmp(again.data, data, len) != 0)
        abort();
    buf_done(&again);
    return 0;
}
