/* Messages between the roles as structs, described by tables: one table encodes, decodes and is
 * tested.
 *
 * On the wire: fields in the order of the table, integers in network order, no padding, no
 * pointers.  A text is u32 length, bytes, NUL (length UINT32_MAX: NULL), so that a decoded text is
 * a pointer into the frame and costs no copy.  A body that is not consumed exactly is refused. */
#pragma once

#include "engine/base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ipc_kind {
    IPC_U8,
    IPC_U16,
    IPC_U32,
    IPC_U64,
    IPC_F64,   /* finite, not negative */
    IPC_BOOL,  /* 0 or 1 */
    IPC_ENUM,  /* an unsigned int in the struct, one byte on the wire; max: highest value */
    IPC_ADDR,  /* struct addr; ADDR_NONE allowed */
    IPC_MAC,   /* struct mac */
    IPC_TEXT,  /* const char *; max: bytes */
    IPC_BYTES, /* struct ipc_bytes; max: bytes */
};

/* Bytes inside a frame (or, to send, anywhere). */
struct ipc_bytes {
    const uint8_t *data;
    size_t len;
};

struct ipc_field {
    enum ipc_kind kind;
    size_t offset; /* in the struct */
    uint32_t max;
};

enum {                          /* flags of a message */
       IPC_FREE = 1 << 0,       /* costs no credit: control */
       IPC_CARRIES_FD = 1 << 1, /* comes with exactly one descriptor */
};

struct ipc_message {
    uint16_t type;
    const char *name;
    unsigned routes; /* mask of enum ipc_route: who may send it */
    unsigned flags;
    size_t size; /* of the struct */
    const struct ipc_field *fields;
    size_t n_fields;
};

#define IPC_VERSION   1
#define IPC_HEADER    16
#define IPC_BODY_MAX  65536
#define IPC_FRAME_MAX (IPC_HEADER + IPC_BODY_MAX)

struct ipc_header {
    uint16_t type;
    uint32_t id;
    uint32_t flags;
};

/* Appends header and body.  -EMSGSIZE: a field or the body is too long; -EINVAL: a field is out of
 * its range. Then out is as it was. */
int ipc_encode(struct buf *out, const struct ipc_message *m, uint32_t id, const void *value);

/* Reads the header.  -EBADMSG: short, another version, reserved bits set. */
int ipc_decode_header(struct ipc_header *ret, const uint8_t *frame, size_t len);

/* Reads the body of a frame into *value (m->size bytes, written only on success).  Texts and bytes
 * point into the frame.  -EBADMSG. */
int ipc_decode(const struct ipc_message *m, void *value, const uint8_t *frame, size_t len);

/* A copy of the struct that owns its texts and bytes, in one piece of memory: free() it.  NULL on
 * no memory. */
void *ipc_dup(const struct ipc_message *m, const void *value) MUST_USE;
/* The texts and bytes in it, which a peer makes as long as it likes within the limits of its type.
 */
size_t ipc_outside(const struct ipc_message *m, const void *value);
