/* The changes of one asset, for its page. */
#pragma once

#include "engine/base/cleanup.h"

struct buf;
struct cli_db;
struct err;

/* Of a row c of report.change: news of an address of the asset `id` (a parameter's number), as far
 * as it was that asset's already.  Scalars, so that the ledger is read by its index. */
#define OF_ASSET(id)                                                                               \
    " c.news AND c.zone = (SELECT a.zone FROM report.asset a WHERE a.asset_id = " id "::uuid)"     \
    " AND c.address = ANY ((SELECT a.addresses FROM report.asset a WHERE a.asset_id = " id         \
    "::uuid)::inet[]) AND c.at >= (SELECT a.first_seen FROM report.asset a WHERE a.asset_id = " id \
    "::uuid)"

/* Of a row of a view of addresses: at an address of the asset.  An index goes by address, none by
 * who has it. */
#define AT_ASSET(row, id)                                                                          \
    " " row ".zone = (SELECT a.zone FROM report.asset a WHERE a.asset_id = " id "::uuid) AND " row \
    ".address = ANY ((SELECT a.addresses FROM report.asset a WHERE a.asset_id = " id               \
    "::uuid)::inet[])"

/* The latest ones as text, until `at` (NULL: now); nothing where there are none. */
int changes_of_asset(struct cli_db *x, const char *id, const char *at, struct buf *out,
                     struct err *e) MUST_USE;
