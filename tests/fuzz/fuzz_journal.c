/* layer: store */
/* The journal of findings: a file that may have been cut off or spoiled at any place. */
#include "service/store/journal.h"
#include "service/store/part.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What can be read is written as it was. */
static void part(struct rbuf record)
{
    CLEANUP(buf_done) struct buf again = {0};
    struct rbuf second;
    struct part p, q;

    if (part_decode(&p, &record) < 0)
        return;
    part_encode(&again, &p);
    second = rbuf_of(again.data, again.len);
    if (again.failed || part_decode(&q, &second) < 0)
        abort();
    part_done(&q);
    part_done(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rbuf in = rbuf_of(data, size), record;
    struct journal_owner owner;

    part(rbuf_of(data, size)); /* checksums would keep most mutations out */
    if (!journal_read_header(&in, &owner))
        return 0;
    while (journal_read_record(&in, &record))
        part(record);
    return 0;
}
