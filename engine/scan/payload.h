/* What UDP probes say to a port: from a text file of our own (nselib/data/payloads, which describes
 * its format). */
#pragma once

#include "engine/base/err.h"

#include <stddef.h>
#include <stdint.h>

/* A packet of 1280 bytes, which every link carries (RFC 8200 5), less IPv6 and UDP headers. */
#define PAYLOAD_MAX 1232

struct payloads;

/* -errno of the file, -EINVAL (file:line), -ENOMEM. */
int payloads_load(struct payloads **ret, const char *path, struct err *e) MUST_USE;
struct payloads *payloads_free(struct payloads *p);
void payloads_freep(struct payloads **p);

/* What a port is sent; *ret_len is 0 where it has no payload, or p is NULL. */
const uint8_t *payloads_get(const struct payloads *p, uint16_t port, size_t *ret_len);
