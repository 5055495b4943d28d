/* Vendors of MAC addresses, from the IEEE's registries as Debian's package ieee-data has them. */
#pragma once

#include "engine/base/addr.h"

#define VENDORS_DIR "/usr/share/ieee-data"

struct vendors;

/* Reads oui.txt, mam.txt and oui36.txt of a directory (24, 28 and 36 bit prefixes); those that are
 * missing are left out. -ENOENT when there is none of them; -ENOMEM. */
int vendors_load(struct vendors **ret, const char *dir, struct err *e) MUST_USE;
struct vendors *vendors_free(struct vendors *v);
void vendors_freep(struct vendors **v);
/* NULL: not registered, locally administered, or no table. */
const char *vendors_name(const struct vendors *v, const struct mac *mac);
