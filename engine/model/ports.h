/* A set of ports in nmap's syntax: "22,80,8000-8100", "T:1-1024,U:53", "-", "http*", "[-1024]"
 * names from a services table. */
#pragma once

#include "engine/model/finding.h"

struct port_set {
    uint64_t tcp[1024]; /* bit per port */
    uint64_t udp[1024];
};

struct services; /* services.h: names of ports */

/* default_protocols: mask of 1 (tcp) and 2 (udp) for parts without T: or U:.  names may be NULL.
 * -EINVAL names the part. */
int port_set_parse(struct port_set *ret, const char *text, unsigned default_protocols,
                   const struct services *names, struct err *e) MUST_USE;
bool port_set_has(const struct port_set *s, enum protocol p, uint16_t port);
void port_set_add(struct port_set *s, enum protocol p, uint16_t port);
/* Takes those of `less` out of s. */
void port_set_subtract(struct port_set *s, const struct port_set *less);
uint32_t port_set_count(const struct port_set *s, enum protocol p);
/* Canonical text "T:22,80-81,U:53"; without prefixes when only TCP. */
void port_set_format(struct buf *out, const struct port_set *s);
/* Those of one protocol, without prefix: "22,80-81". */
void port_set_format_of(struct buf *out, const struct port_set *s, enum protocol p);
/* Writes the ports in order; returns their number (at most 65536). */
uint32_t port_set_list(const struct port_set *s, enum protocol p, uint16_t *ret);

#define PORT_FEW_MAX 10

/* A handful of ports, as those that pings go to. */
struct port_few {
    uint16_t v[PORT_FEW_MAX];
    unsigned n;
};

/* "22,80,443".  text NULL or empty: none.  -EINVAL. */
int port_few_parse(struct port_few *ret, const char *text, struct err *e) MUST_USE;
