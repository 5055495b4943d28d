/* The verbs about alerts, for the table of verbs. */
#include "service/cli/verb_alerts.h"

#define DO "The service"
#define DB_OPTIONS(own)                                                                            \
    {                                                                                              \
        .tables = { own, db_common_options }                                                       \
    }
#define ALERT_ARGS .args_size = sizeof(struct alert_args)

const struct verb incidents_verb = {
    .name = "incidents",
    .operands = "",
    .group = DO,
    .summary = "Open incidents: changes that belong together, and what was told of them",
    .options = DB_OPTIONS(ended_options),
    ALERT_ARGS,
    .run = verb_incidents,
};

const struct verb why_verb = {
    .name = "why",
    .operands = "alert|incident WHICH",
    .min_operands = 2,
    .max_operands = 2,
    .group = DO,
    .summary = "Why an alert came, or why not: routes, incident, silences, deliveries",
    .more = "WHICH is a number or an id, as messages and listings show it.",
    .options = {.tables = {db_common_options}},
    ALERT_ARGS,
    .run = verb_why,
};

const struct verb silence_add_verb = {
    .name = "silence add",
    .operands = "",
    .group = DO,
    .summary = "Record matching alerts, and tell nobody, for some time",
    .more = "Without an option that says which, all alerts are meant.",
    .options = DB_OPTIONS(silence_options),
    ALERT_ARGS,
    .run = verb_silence_add,
};

const struct verb silence_list_verb = {
    .name = "silence list",
    .operands = "",
    .group = DO,
    .summary = "List silences, and how much they keep back",
    .options = DB_OPTIONS(ended_options),
    ALERT_ARGS,
    .run = verb_silence_list,
};

const struct verb silence_remove_verb = {
    .name = "silence remove",
    .operands = "NUMBER",
    .min_operands = 1,
    .max_operands = 1,
    .group = DO,
    .summary = "End a silence before its time",
    .options = {.tables = {db_common_options}},
    ALERT_ARGS,
    .run = verb_silence_remove,
};

const struct verb window_add_verb = {
    .name = "window add",
    .operands = "WHEN",
    .min_operands = 1,
    .max_operands = 1,
    .group = DO,
    .summary = "A maintenance window: at these times, alerts are recorded and not told",
    .more = "WHEN is days, a time and a time zone: \"Sun 02:00 Europe/Berlin\", \"daily 03:30\".",
    .options = DB_OPTIONS(window_options),
    ALERT_ARGS,
    .run = verb_window_add,
};

const struct verb window_list_verb = {
    .name = "window list",
    .operands = "",
    .group = DO,
    .summary = "List maintenance windows",
    .options = DB_OPTIONS(ended_options),
    ALERT_ARGS,
    .run = verb_window_list,
};

const struct verb window_remove_verb = {
    .name = "window remove",
    .operands = "NUMBER",
    .min_operands = 1,
    .max_operands = 1,
    .group = DO,
    .summary = "End a maintenance window for good",
    .options = {.tables = {db_common_options}},
    ALERT_ARGS,
    .run = verb_window_remove,
};
