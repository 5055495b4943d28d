/* A file of records that wait for the database: appended in order, read back in order, emptied when
 * all are done.  It survives the death of its process at any moment: a record that was cut off is
 * dropped at the next open, as is everything behind a record whose checksum does not fit.
 *
 * File: header (48 bytes: magic, instance, installation, CRC-32, 4 zero bytes), then records
 * (length, CRC-32 of length and data, data).  Integers in network order.
 *
 * Records are not forced to the disk: they outlive the process, not the machine.  After a power cut
 * the leases behind them have run out as a rule, and the visits are made again. */
#pragma once

#include "engine/base/buf.h"
#include "engine/base/err.h"
#include "engine/base/wire.h"

#define JOURNAL_ID_LEN     16
#define JOURNAL_RECORD_MAX (64U << 20)

/* Who wrote the records, and for which database. */
struct journal_owner {
    uint8_t instance[JOURNAL_ID_LEN], installation[JOURNAL_ID_LEN];
};

struct journal;

/* Opens or creates `path`; `limit`: bytes that the file may have.  -errno with a sentence; a file
 * that cannot be read stays as it is. */
int journal_open(struct journal **ret, const char *path, uint64_t limit, struct err *e) MUST_USE;
struct journal *journal_free(struct journal *j);
/* NULL: there is no record. */
const struct journal_owner *journal_owner(const struct journal *j);

/* Appends a record; the first one makes the owner known.  *ret_at: where it is.  -ENOSPC: the
 * limit, or the disk, is reached; other -errno.  Nothing half is left behind. */
int journal_add(struct journal *j, const struct journal_owner *o, const void *data, size_t len,
                uint64_t *ret_at) MUST_USE;
/* The record at *at (0: the first), which then moves to the next.  -ENOENT: behind the last;
 * -EBADMSG: spoiled; -ENOMEM; -errno: it cannot be read. */
int journal_get(const struct journal *j, uint64_t *at, struct buf *ret) MUST_USE;
/* Forgets all records. */
int journal_clear(struct journal *j) MUST_USE;

/* For tests: the same on bytes in memory.  False: no (further) whole record. */
bool journal_read_header(struct rbuf *in, struct journal_owner *ret);
bool journal_read_record(struct rbuf *in, struct rbuf *ret);
