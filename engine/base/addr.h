/* Network addresses, prefixes, MAC addresses: values without allocation. */
#pragma once

#include "engine/base/err.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum addr_family { ADDR_NONE = 0, ADDR_V4 = 4, ADDR_V6 = 6 };

struct addr {
    uint8_t family; /* enum addr_family */
    uint8_t b[16];  /* network order; the first 4 bytes for IPv4, the rest zero */
    uint32_t scope; /* interface index of an IPv6 link-local address, else 0 */
};

/* An address as the key of a hash table: struct addr has padding, which a key must not have. */
struct addr_key {
    uint8_t b[16];
    uint32_t scope, family;
};

struct prefix {
    struct addr addr; /* host bits are zero */
    uint8_t len;      /* bits */
};

struct mac {
    uint8_t b[6];
};

#define ADDR_TEXT_MAX   64 /* with "%scope" */
#define PREFIX_TEXT_MAX 68
#define MAC_TEXT_MAX    18

/* Reads "192.0.2.1", "2001:db8::1", "fe80::1%eth0".  0 or -EINVAL.  No names. */
int addr_parse(const char *text, struct addr *ret);
/* Canonical text (RFC 5952 for IPv6).  Returns buf. */
const char *addr_format(const struct addr *a, char buf[ADDR_TEXT_MAX]);

/* Total order: family, scope, bytes, so that what is on one link stays together.  <0, 0, >0. */
int addr_cmp(const struct addr *a, const struct addr *b);
static inline bool addr_equal(const struct addr *a, const struct addr *b)
{
    return addr_cmp(a, b) == 0;
}
bool addr_is_loopback(const struct addr *a);
bool addr_is_link_local(const struct addr *a);
unsigned addr_bits(const struct addr *a); /* 32 or 128; 0 for none */
size_t addr_len(const struct addr *a);    /* bytes: 4 or 16 */

struct addr_key addr_key(const struct addr *a);
/* How many bits a netmask has, from the first on. */
uint8_t addr_mask_len(const struct addr *mask);

/* a + n within its family; wraps at the end.  */
struct addr addr_add(const struct addr *a, uint64_t n);
/* b - a for b >= a of one family; UINT64_MAX when it does not fit. */
uint64_t addr_distance(const struct addr *a, const struct addr *b);
struct addr addr_v4(uint32_t host_order);
uint32_t addr_to_v4(const struct addr *a); /* host order */
struct addr addr_from_bytes(enum addr_family family, const uint8_t *bytes);

/* IPv4-mapped IPv6 becomes IPv4.  -EAFNOSUPPORT for other families.  ret_port may be NULL. */
int addr_from_sockaddr(const struct sockaddr *sa, struct addr *ret, uint16_t *ret_port);
/* Returns the length that was used. */
socklen_t addr_to_sockaddr(const struct addr *a, uint16_t port, struct sockaddr_storage *ret);

/* Reads "192.0.2.0/24" or a bare address.  -EINVAL with a sentence: bad address, bad length, host
 * bits set. */
int prefix_parse(const char *text, struct prefix *ret, struct err *e);
const char *prefix_format(const struct prefix *p, char buf[PREFIX_TEXT_MAX]);
/* The network that an address is in. */
struct prefix prefix_of(const struct addr *a, uint8_t len);
bool prefix_contains(const struct prefix *p, const struct addr *a);
struct addr prefix_first(const struct prefix *p);
struct addr prefix_last(const struct prefix *p);

/* "aa:bb:cc:dd:ee:ff", lower case. */
const char *mac_format(const struct mac *m, char buf[MAC_TEXT_MAX]);
int mac_parse(const char *text, struct mac *ret);
