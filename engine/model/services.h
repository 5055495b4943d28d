/* Names of ports, from a text file: ours (nselib/data/services, from IANA's registry) or an
 * nmap-services file. Lines are "name<TAB>port/protocol<TAB>frequency [# comment]". */
#pragma once

#include "engine/model/finding.h"

struct services;

/* -ENOENT, -EINVAL (file:line), -ENOMEM. */
int services_load(struct services **ret, const char *path, struct err *e) MUST_USE;
/* The first table in a list of data directories: nselib/data/services or nmap-services.  0 with
 * *ret NULL when none has one. */
int services_find(struct services **ret, char *const *dirs, size_t n_dirs, struct err *e) MUST_USE;
struct services *services_free(struct services *s);
void services_freep(struct services **s);
/* NULL when the port has no name.  NULL table: NULL. */
const char *services_name(const struct services *s, enum protocol p, uint16_t port);
/* Calls fn for each port whose name matches a glob.  Returns how many. */
size_t services_match(const struct services *s, const char *glob,
                      void (*fn)(void *user, enum protocol p, uint16_t port), void *user);
/* The n most frequent ports of a protocol, most frequent first; returns how many were written. */
size_t services_top(const struct services *s, enum protocol p, size_t n, uint16_t *ret);
