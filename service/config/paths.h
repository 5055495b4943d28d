/* Where Muster's own files are: scripts/, nselib/ and migrations/ below one data directory. */
#pragma once

#include "engine/base/err.h"

#include <limits.h>

/* $MUSTER_DATADIR; else the checkout, when the program lies in a build directory of one; else
 * PREFIX/share/muster beside PREFIX/bin or PREFIX/sbin.  -ENOENT names what was looked for. */
int paths_data(char ret[PATH_MAX], struct err *e) MUST_USE;
