/* The options of the verbs about inventory and configuration.  Each verb has its own short table,
 * and the common one. */
#include "service/cli/db_args.h"

#include "service/cli/verb_options.h"

#define AT(member) .at = offsetof(struct db_args, member)

/* clang-format off */
#define OPTION_ZONE                                                                                \
    {OPTION_TEXT, "--zone", .arg = "NAME", AT(zone), .help = "Of this zone alone"}
#define OPTION_AT                                                                                  \
    {OPTION_TEXT, "--at", .arg = "TIME|SPAN", AT(at),                                              \
     .help = "As it was at a time, or so long ago"}
#define OPTION_FORMAT                                                                              \
    {OPTION_TEXT, "--format", .arg = "FORM", AT(format), .choices = "table|csv|json",              \
     .help = "table, csv (RFC 4180) or json (lines)"}
#define OPTION_BY                                                                                  \
    {OPTION_TEXT, "--by", .arg = "NAME", AT(by), .help = "Who says so (default: the login name)"}
#define OPTION_DATADIR                                                                             \
    {OPTION_LIST, "--datadir", .arg = "DIR", AT(datadirs),                                         \
     .help = "Look for scripts/, nselib/ and data files in DIR first; repeatable"}

const struct option db_common_options[] = {
    {OPTION_TEXT, "--config", .arg = "FILE", AT(config),
     .help = "The configuration (default: $MUSTER_CONFIG, var/muster.yaml, "
             "/etc/muster/muster.yaml)"},
    {OPTION_TEXT, "--database", .arg = "CONNINFO", AT(database),
     .help = "A libpq connection string instead of what the configuration says"},
    {OPTION_FLAG, "--json", AT(json), .help = "JSON lines"},
    {OPTION_HELP, "--help", .also = "-h", .help = "This text"},
    OPTION_END,
};

const struct option config_options[] = {
    {OPTION_TEXT, "--config", .arg = "FILE", AT(config),
     .help = "The configuration (default: $MUSTER_CONFIG, var/muster.yaml, "
             "/etc/muster/muster.yaml)"},
    {OPTION_HELP, "--help", .also = "-h", .help = "This text"},
    OPTION_END,
};

const struct option help_options[] = {
    {OPTION_HELP, "--help", .also = "-h", .help = "This text"},
    OPTION_END,
};

const struct option status_options[] = {
    {OPTION_TEXT, "--since", .arg = "TIME|SPAN", AT(since),
     .help = "Count changes from here on: a time, or how long ago (default 24h)"},
    {OPTION_SPAN, "--wait-baseline", .arg = "SPAN", AT(wait_baseline),
     .help = "First wait until every pass was made once, at most SPAN; exit 2 when that passes"},
    OPTION_END,
};

const struct option asset_options[] = {
    {OPTION_FLAG, "--why", AT(why),
     .help = "By which evidence it is one asset, and what was decided about it"},
    OPTION_ZONE,
    OPTION_AT,
    OPTION_END,
};

const struct option identity_options[] = {
    {OPTION_TEXT, "--reason", .arg = "TEXT", AT(reason), .help = "Why"},
    OPTION_BY,
    OPTION_ZONE,
    OPTION_END,
};

const struct option listing_options[] = {
    OPTION_ZONE,
    OPTION_AT,
    OPTION_FORMAT,
    {OPTION_FLAG, "--all", AT(all), .help = "Also what is gone"},
    OPTION_END,
};

const struct option passes_options[] = {
    OPTION_ZONE,
    OPTION_FORMAT,
    OPTION_END,
};

const struct option zone_options[] = {
    OPTION_ZONE,
    OPTION_END,
};

const struct option import_options[] = {
    {OPTION_TEXT, "--zone", .arg = "NAME", AT(zone),
     .help = "Into this zone (default: the only one there is)"},
    OPTION_END,
};

const struct option export_options[] = {
    {OPTION_TEXT, "--zone", .arg = "NAME", AT(zone),
     .help = "Of this zone (default: the only one that has hosts)"},
    OPTION_AT,
    OPTION_END,
};

const struct option changes_options[] = {
    {OPTION_TEXT, "--since", .arg = "TIME|SPAN", AT(since),
     .help = "From here on: a time, or how long ago (default 24h)"},
    {OPTION_TWO, "--between", .arg = "A B", AT(between),
     .help = "Between two times, or two spans ago"},
    {OPTION_TEXT, "--format", .arg = "FORM", AT(format), .choices = "text|json|csv|ndiff",
     .help = "text, json, csv or ndiff"},
    {OPTION_FLAG, "--follow", .also = "-f", AT(follow),
     .help = "Stay, and print each change as it happens"},
    {OPTION_FLAG, "--all", AT(all), .help = "Also the first inventory, and details of changes"},
    OPTION_ZONE,
    OPTION_END,
};

const struct option diff_options[] = {
    {OPTION_TEXT, "--format", .arg = "FORM", AT(format), .choices = "text|json|csv|ndiff",
     .help = "text, json, csv or ndiff"},
    {OPTION_FLAG, "--all", AT(all), .help = "Also details of what is listed"},
    OPTION_ZONE,
    OPTION_END,
};

const struct option report_options[] = {
    {OPTION_LIST, "--param", .arg = "NAME=VALUE", AT(params),
     .help = "A parameter of the report; repeatable"},
    OPTION_FORMAT,
    OPTION_AT,
    OPTION_ZONE,
    OPTION_END,
};

const struct option annotate_options[] = {
    {OPTION_TEXT, "--owner", .arg = "TEXT", AT(owner), .help = "Who answers for it"},
    {OPTION_TEXT, "--criticality", .arg = "WORD", AT(criticality),
     .help = "low, medium, high or critical"},
    {OPTION_TEXT, "--presence", .arg = "WORD", AT(presence),
     .help = "What to expect: always, sometimes or never there"},
    {OPTION_TEXT, "--label", .arg = "TEXT", AT(label), .help = "What to call it"},
    {OPTION_TEXT, "--note", .arg = "TEXT", AT(note), .help = "A remark"},
    OPTION_BY,
    OPTION_ZONE,
    OPTION_END,
};

const struct option tag_options[] = {
    {OPTION_LIST, "--remove", .arg = "TAG", AT(removes), .help = "Take this one away; repeatable"},
    OPTION_BY,
    OPTION_ZONE,
    OPTION_END,
};

const struct option approve_options[] = {
    {OPTION_TEXT, "--policy", .arg = "NAME", AT(policy),
     .help = "An exception from this policy instead of a service"},
    {OPTION_TEXT, "--until", .arg = "TIME|SPAN", AT(until),
     .help = "Until then, or for so long (default: for good)"},
    {OPTION_TEXT, "--reason", .arg = "TEXT", AT(reason), .help = "Why"},
    {OPTION_FLAG, "--end", AT(end), .help = "Take the approval back"},
    OPTION_BY,
    OPTION_ZONE,
    OPTION_END,
};

const struct option policy_options[] = {
    {OPTION_TEXT, "--key", .arg = "COLUMN,...", AT(key),
     .help = "What makes a row the same row (default: zone, asset_id, address, protocol, port, "
             "script, as far as the query has them)"},
    {OPTION_SPAN, "--every", .arg = "SPAN", AT(every), .help = "How often it runs (default 5m)"},
    {OPTION_TEXT, "--severity", .arg = "WORD", AT(severity),
     .choices = "debug|info|warning|high|critical", .help = "Of its events (default warning)"},
    {OPTION_TEXT, "--title", .arg = "TEXT", AT(title), .help = "What it is about"},
    OPTION_BY,
    OPTION_END,
};

const struct option forget_options[] = {
    {OPTION_FLAG, "--all", AT(all), .help = "Also its state, and what people said of its assets"},
    OPTION_END,
};

const struct option deliveries_options[] = {
    {OPTION_FLAG, "--all", AT(all), .help = "Also those that arrived"},
    {OPTION_NUMBER, "--limit", .arg = "N", AT(limit), .bits = 100000,
     .help = "At most N, the latest (default 50)"},
    OPTION_END,
};

const struct option replay_options[] = {
    {OPTION_TEXT, "--since", .arg = "TIME", AT(since),
     .help = "All that was written since then, in bulk"},
    {OPTION_TEXT, "--until", .arg = "TIME", AT(until), .help = "And before then (default: now)"},
    {OPTION_FLAG, "--dead", AT(dead), .help = "Of that only the dead letters"},
    OPTION_END,
};

const struct option enable_options[] = {
    {OPTION_FLAG, "--skip", AT(skip), .help = "Pass over the events until now"},
    OPTION_END,
};

const struct option doctor_options[] = {
    {OPTION_FLAG, "--audit", AT(audit),
     .help = "Also look for contradictions in the whole inventory; takes a while"},
    OPTION_END,
};

const struct option migrate_options[] = {
    {OPTION_FLAG, "--check", AT(check), .help = "Change nothing; exit 1 when something is missing"},
    OPTION_END,
};

const struct option script_options[] = {
    OPTION_DATADIR,
    {OPTION_FLAG, "--json", AT(json), .help = "JSON lines"},
    {OPTION_HELP, "--help", .also = "-h", .help = "This text"},
    OPTION_END,
};
/* clang-format on */
