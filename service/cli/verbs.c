/* The table of verbs. */
#include "service/cli/verb_alerts.h"
#include "service/cli/verb_config.h"
#include "service/cli/verb_db.h"
#include "service/cli/verb_doctor.h"
#include "service/cli/verb_options.h"
#include "service/cli/verb_scan.h"
#include "service/cli/verb_script.h"

#include "engine/base/buf.h"

#include <string.h>

static int verb_completion(struct verb_call *c)
{
    CLEANUP(buf_done) struct buf out = {0};
    struct err e = {0};

    if (strcmp(c->operands.values[0], "bash") != 0)
        return err_set(&e, -1, "completion is written for bash alone"), verb_fail(c, &e);
    cli_completion_bash(&out);
    fputs(out.data ? out.data : "", stdout);
    return out.failed ? EXIT_ERROR : EXIT_NOTHING;
}

#define SCAN  "Scan without a database"
#define ASK   "The inventory"
#define SAY   "What people know"
#define DO    "The service"
#define SETUP "Setting up"

#define DB_OPTIONS(own)                                                                            \
    {                                                                                              \
        .tables = { own, db_common_options }                                                       \
    }
#define DB_ARGS .args_size = sizeof(struct db_args)

static const struct verb scan = {
    .name = "scan",
    .operands = "[TARGET...]",
    .max_operands = VERB_MANY,
    .group = SCAN,
    .summary = "Find hosts and ports, and run scripts against them",
    .more = "Options are nmap's.  Exit code 0: done, 1: done in part, 2: usage or environment.",
    .options = {.tables = SCAN_TABLES},
    .args_size = sizeof(struct scan_args),
    .init = verb_scan_init,
    .run = verb_scan,
};

static const struct verb script_run = {
    .name = "script run",
    .operands = "EXPR [TARGET...]",
    .min_operands = 1,
    .max_operands = VERB_MANY,
    .group = SCAN,
    .summary = "Scan, and run the scripts that EXPR selects",
    .more = "The same as muster scan --script EXPR [TARGET...]",
    .options = {.tables = SCAN_TABLES},
    .args_size = sizeof(struct scan_args),
    .init = verb_scan_init,
    .run = verb_script_run,
};

static const struct verb script_list = {
    .name = "script list",
    .operands = "[EXPR]",
    .max_operands = 1,
    .group = SCAN,
    .summary = "List scripts with their rules and categories",
    .options = {.tables = {script_options}},
    DB_ARGS,
    .run = verb_script_list,
};

static const struct verb script_help_verb = {
    .name = "script help",
    .operands = "EXPR",
    .min_operands = 1,
    .max_operands = 1,
    .group = SCAN,
    .summary = "Tell what scripts do",
    .options = {.tables = {script_options}},
    DB_ARGS,
    .run = verb_script_help,
};

static const struct verb status = {
    .name = "status",
    .operands = "",
    .group = ASK,
    .summary = "What is new, changed and gone, and how fresh the inventory is",
    .options = DB_OPTIONS(status_options),
    DB_ARGS,
    .run = verb_status,
};

static const struct verb assets = {
    .name = "assets",
    .operands = "[FILTER]",
    .max_operands = 1,
    .group = ASK,
    .summary = "List assets",
    .more = "FILTER is an address, a network, or part of a name, MAC address or vendor.",
    .options = DB_OPTIONS(listing_options),
    DB_ARGS,
    .run = verb_assets,
};

static const struct verb asset = {
    .name = "asset",
    .operands = "WHAT",
    .min_operands = 1,
    .max_operands = 1,
    .group = ASK,
    .summary = "All that is known of one asset: ports, services, script results, changes",
    .more = "WHAT is an address, a host name, a MAC address or the id of an asset.",
    .options = DB_OPTIONS(asset_options),
    DB_ARGS,
    .run = verb_asset,
};

static const struct verb asset_merge = {
    .name = "asset merge",
    .operands = "WHAT INTO",
    .min_operands = 2,
    .max_operands = 2,
    .group = ASK,
    .summary = "Say that two assets are one; the second has all then",
    .options = DB_OPTIONS(identity_options),
    DB_ARGS,
    .run = verb_asset_merge,
};

static const struct verb asset_split = {
    .name = "asset split",
    .operands = "WHAT ADDRESS...",
    .min_operands = 2,
    .max_operands = VERB_MANY,
    .group = ASK,
    .summary = "Say that addresses of an asset are another device",
    .options = DB_OPTIONS(identity_options),
    DB_ARGS,
    .run = verb_asset_split,
};

static const struct verb asset_undo = {
    .name = "asset undo",
    .operands = "DECISION",
    .min_operands = 1,
    .max_operands = 1,
    .group = ASK,
    .summary = "Undo a merge or a split, by its number (asset WHAT --why), for good",
    .options = DB_OPTIONS(identity_options),
    DB_ARGS,
    .run = verb_asset_undo,
};

static const struct verb services = {
    .name = "services",
    .operands = "[FILTER]",
    .max_operands = 1,
    .group = ASK,
    .summary = "List open ports and the services on them",
    .more = "FILTER is an address, a network, a port number, or part of a service's name or "
            "product.",
    .options = DB_OPTIONS(listing_options),
    DB_ARGS,
    .run = verb_services,
};

static const struct verb changes = {
    .name = "changes",
    .operands = "[FILTER]",
    .max_operands = 1,
    .group = ASK,
    .summary = "What changed; exit code 1 when something did",
    .more = "FILTER is an address, a network, a port (22, 22/tcp), or part of a name, a MAC "
            "address, a kind of change (host.gone) or of what changed.",
    .options = DB_OPTIONS(changes_options),
    DB_ARGS,
    .run = verb_changes,
};

static const struct verb diff = {
    .name = "diff",
    .operands = "A [B]",
    .min_operands = 1,
    .max_operands = 2,
    .group = ASK,
    .summary = "What differs between two times; exit code as diff(1)",
    .more = "A and B are times (2026-01-01T00:00:00Z, yesterday) or spans ago (2h); B is now when "
            "it is not given.\n"
            "What came and went in between is no difference; muster changes --between lists it.",
    .options = DB_OPTIONS(diff_options),
    DB_ARGS,
    .run = verb_diff,
};

static const struct verb passes = {
    .name = "passes",
    .operands = "",
    .group = ASK,
    .summary = "What is looked at, how often, and when it was last",
    .options = DB_OPTIONS(passes_options),
    DB_ARGS,
    .run = verb_passes,
};

static const struct verb report_list = {
    .name = "report list",
    .operands = "",
    .group = ASK,
    .summary = "List the reports, and the questions that they answer",
    .options = {.tables = {db_common_options}},
    DB_ARGS,
    .run = verb_report_list,
};

static const struct verb report_run = {
    .name = "report run",
    .operands = "NAME",
    .min_operands = 1,
    .max_operands = 1,
    .group = ASK,
    .summary = "Answer one of them, as table, CSV or JSON lines",
    .more = "Each report is a view or function of schema report, for SQL of your own.",
    .options = DB_OPTIONS(report_options),
    DB_ARGS,
    .run = verb_report_run,
};

static const struct verb export_verb = {
    .name = "export",
    .operands = "",
    .group = ASK,
    .summary = "Write the hosts that are there, as nmap's XML or JSON lines",
    .more = "With their open ports and results of scripts, on standard output, for ndiff and "
            "whatever else reads what nmap -oX writes; muster import reads it, too.",
    .options = DB_OPTIONS(export_options),
    DB_ARGS,
    .run = verb_export,
};

static const struct verb annotate = {
    .name = "annotate",
    .operands = "WHAT",
    .min_operands = 1,
    .max_operands = 1,
    .group = SAY,
    .summary = "Say who owns an asset, how much it matters, and what to expect of it",
    .more = "WHAT is an address, a host name, a MAC address or the id of an asset.  An empty text "
            "takes "
            "back what was said.",
    .options = DB_OPTIONS(annotate_options),
    DB_ARGS,
    .run = verb_annotate,
};

static const struct verb tag = {
    .name = "tag",
    .operands = "WHAT [TAG...]",
    .min_operands = 1,
    .max_operands = VERB_MANY,
    .group = SAY,
    .summary = "Put tags on an asset",
    .options = DB_OPTIONS(tag_options),
    DB_ARGS,
    .run = verb_tag,
};

static const struct verb approve = {
    .name = "approve",
    .operands = "WHAT [PORT]",
    .min_operands = 1,
    .max_operands = 2,
    .group = SAY,
    .summary = "Approve a service of an asset, or an exception from a policy",
    .more = "PORT is such as 22/tcp or 161/udp; tcp when it is not said.",
    .options = DB_OPTIONS(approve_options),
    DB_ARGS,
    .run = verb_approve,
};

static const struct verb policy_list = {
    .name = "policy list",
    .operands = "",
    .group = SAY,
    .summary = "List policies, and whether they hold",
    .options = {.tables = {db_common_options}},
    DB_ARGS,
    .run = verb_policy_list,
};

static const struct verb policy_add = {
    .name = "policy add",
    .operands = "NAME QUERY",
    .min_operands = 2,
    .max_operands = 2,
    .group = SAY,
    .summary = "Watch a query: rows that appear, change or go are changes, and told as events",
    .more = "QUERY reads the views of schema report, read-only and within 10 seconds; its rows are "
            "what "
            "should not be there.  The first run is a baseline and tells nothing.",
    .options = DB_OPTIONS(policy_options),
    DB_ARGS,
    .run = verb_policy_add,
};

static const struct verb policy_remove = {
    .name = "policy remove",
    .operands = "NAME",
    .min_operands = 1,
    .max_operands = 1,
    .group = SAY,
    .summary = "Remove a policy with its findings",
    .options = {.tables = {db_common_options}},
    DB_ARGS,
    .run = verb_policy_remove,
};

static const struct verb policy_run = {
    .name = "policy run",
    .operands = "NAME",
    .min_operands = 1,
    .max_operands = 1,
    .group = SAY,
    .summary = "Run a policy now, and list what violates it; exit code 1 when that changed",
    .options = {.tables = {db_common_options}},
    DB_ARGS,
    .run = verb_policy_run,
};

static const struct verb rescan = {
    .name = "rescan",
    .operands = "TARGET",
    .min_operands = 1,
    .max_operands = 1,
    .group = DO,
    .summary = "Have an address or network looked at now",
    .options = DB_OPTIONS(zone_options),
    DB_ARGS,
    .run = verb_rescan,
};

static const struct verb import = {
    .name = "import",
    .operands = "FILE...",
    .min_operands = 1,
    .max_operands = VERB_MANY,
    .group = DO,
    .summary = "Add what files of nmap's XML tell to the inventory",
    .more = "FILE is what nmap -oX wrote; - is standard input.  Adds what nobody has looked at "
            "since; closes and changes nothing, and alerts of nothing.",
    .options = DB_OPTIONS(import_options),
    DB_ARGS,
    .run = verb_import,
};

static const struct verb forget = {
    .name = "forget",
    .operands = "ZONE",
    .min_operands = 1,
    .max_operands = 1,
    .group = DO,
    .summary = "Remove the history of a zone that is not in the configuration any more",
    .options = DB_OPTIONS(forget_options),
    DB_ARGS,
    .run = verb_forget,
};

static const struct verb deliveries = {
    .name = "deliveries",
    .operands = "[ENDPOINT]",
    .max_operands = 1,
    .group = DO,
    .summary = "Alerts on their way to endpoints, and those that failed",
    .options = DB_OPTIONS(deliveries_options),
    DB_ARGS,
    .run = verb_deliveries,
};

static const struct verb replay = {
    .name = "replay",
    .operands = "ENDPOINT [EVENT...]",
    .min_operands = 1,
    .max_operands = VERB_MANY,
    .group = DO,
    .summary = "Deliver failed alerts once more: those named, or all dead letters of an endpoint",
    .more =
        "With --since: what was written in that span, whatever became of it, beside what is new.",
    .options = DB_OPTIONS(replay_options),
    DB_ARGS,
    .run = verb_replay,
};

static const struct verb dead_drop = {
    .name = "dead drop",
    .operands = "ENDPOINT [EVENT...]",
    .min_operands = 1,
    .max_operands = VERB_MANY,
    .group = DO,
    .summary = "Forget dead letters: those named, or all of an endpoint",
    .options = {.tables = {db_common_options}},
    DB_ARGS,
    .run = verb_dead_drop,
};

static const struct verb endpoint_test = {
    .name = "endpoint test",
    .operands = "NAME",
    .min_operands = 1,
    .max_operands = 1,
    .group = DO,
    .summary = "Send a test message to an endpoint now, and show what was sent and answered",
    .more = "Reads the configuration and the secrets of the endpoint; needs no database.",
    .options = {.tables = {db_common_options}},
    DB_ARGS,
    .run = verb_endpoint_test,
};

static const struct verb endpoint_list = {
    .name = "endpoint list",
    .operands = "",
    .group = DO,
    .summary = "List endpoints, whether they take deliveries, and what waits for them",
    .options = {.tables = {db_common_options}},
    DB_ARGS,
    .run = verb_endpoint_list,
};

static const struct verb endpoint_enable = {
    .name = "endpoint enable",
    .operands = "NAME",
    .min_operands = 1,
    .max_operands = 1,
    .group = DO,
    .summary = "Put an endpoint to work again that had been given up",
    .options = DB_OPTIONS(enable_options),
    DB_ARGS,
    .run = verb_endpoint_enable,
};

static const struct verb config_check = {
    .name = "config check",
    .operands = "[FILE]",
    .max_operands = 1,
    .group = SETUP,
    .summary = "Check the configuration; every problem with its line",
    .options = {.tables = {config_options}},
    DB_ARGS,
    .run = verb_config_check,
};

static const struct verb doctor = {
    .name = "doctor",
    .operands = "",
    .group = SETUP,
    .summary = "Check what Muster needs, and say what to do about what is missing",
    .options = DB_OPTIONS(doctor_options),
    DB_ARGS,
    .run = verb_doctor,
};

static const struct verb db_migrate = {
    .name = "db migrate",
    .operands = "",
    .group = SETUP,
    .summary = "Bring the database to this version of Muster",
    .options = DB_OPTIONS(migrate_options),
    DB_ARGS,
    .run = verb_db_migrate,
};

static const struct verb db_psql = {
    .name = "db psql",
    .operands = "[-- ARGUMENT...]",
    .max_operands = VERB_MANY,
    .group = SETUP,
    .summary = "Open psql on the inventory",
    .options = {.tables = {db_common_options}},
    DB_ARGS,
    .run = verb_db_psql,
};

static const struct verb completion = {
    .name = "completion",
    .operands = "bash",
    .min_operands = 1,
    .max_operands = 1,
    .group = SETUP,
    .summary = "Print the completion script for a shell",
    .options = {.tables = {help_options}},
    DB_ARGS,
    .run = verb_completion,
};

const struct verb *const cli_verbs[] = {
    &scan,
    &script_run,
    &script_list,
    &script_help_verb,
    &status,
    &assets,
    &asset_merge,
    &asset_split,
    &asset_undo,
    &asset,
    &services,
    &changes,
    &diff,
    &passes,
    &report_list,
    &report_run,
    &export_verb,
    &annotate,
    &tag,
    &approve,
    &policy_list,
    &policy_add,
    &policy_remove,
    &policy_run,
    &rescan,
    &import,
    &forget,
    &incidents_verb,
    &why_verb,
    &silence_add_verb,
    &silence_list_verb,
    &silence_remove_verb,
    &window_add_verb,
    &window_list_verb,
    &window_remove_verb,
    &deliveries,
    &replay,
    &dead_drop,
    &endpoint_list,
    &endpoint_enable,
    &endpoint_test,
    &config_check,
    &doctor,
    &db_migrate,
    &db_psql,
    &completion,
    NULL,
};
