/* Which marks of hosts the database has, as far as we remember: whether it is worth a try to send a
 * mark without its facts.  Bounded, and no authority: the database compares, and asks for the facts
 * where we were wrong.  Pure. */
#pragma once

#include "engine/base/addr.h"

#include <stdint.h>

#define MARK_LEN 16

struct marks;
/* Room for about n hosts and passes (24 bytes each, rounded up to a power of two). NULL: no memory.
 */
struct marks *marks_new(size_t n);
struct marks *marks_free(struct marks *m);

/* The same for the same zone and pass. */
uint64_t marks_place(const char *zone, const char *pass);
bool marks_has(const struct marks *m, uint64_t place, const struct addr *a,
               const uint8_t mark[MARK_LEN]);
void marks_put(struct marks *m, uint64_t place, const struct addr *a, const uint8_t mark[MARK_LEN]);
