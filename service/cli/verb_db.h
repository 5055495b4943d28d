/* The verbs that ask the inventory or tell the service something. */
#pragma once

#include "service/cli/verb.h"

int verb_status(struct verb_call *c);
int verb_assets(struct verb_call *c);
int verb_asset(struct verb_call *c);
int verb_asset_merge(struct verb_call *c);
int verb_asset_split(struct verb_call *c);
int verb_asset_undo(struct verb_call *c);
int verb_services(struct verb_call *c);
int verb_changes(struct verb_call *c);
int verb_diff(struct verb_call *c);
int verb_passes(struct verb_call *c);
int verb_rescan(struct verb_call *c);
int verb_deliveries(struct verb_call *c);
int verb_replay(struct verb_call *c);
int verb_endpoint_list(struct verb_call *c);
int verb_endpoint_test(struct verb_call *c);
int verb_dead_drop(struct verb_call *c);
int verb_endpoint_enable(struct verb_call *c);
int verb_report_list(struct verb_call *c);
int verb_report_run(struct verb_call *c);
int verb_annotate(struct verb_call *c);
int verb_tag(struct verb_call *c);
int verb_approve(struct verb_call *c);
int verb_policy_list(struct verb_call *c);
int verb_policy_add(struct verb_call *c);
int verb_policy_remove(struct verb_call *c);
int verb_policy_run(struct verb_call *c);
int verb_import(struct verb_call *c);
int verb_export(struct verb_call *c);
int verb_forget(struct verb_call *c);
int verb_db_migrate(struct verb_call *c);
int verb_db_psql(struct verb_call *c);

struct cli_db;
struct db_args;
struct err;

/* Who says so: --by, else the login name.  Valid until the next call. */
const char *cli_author(const struct db_args *a);
/* The evidence of each asset that is meant, and the decisions about it, on stdout. */
int asset_why(struct cli_db *x, const struct db_args *a, const char *what, struct err *e) MUST_USE;
