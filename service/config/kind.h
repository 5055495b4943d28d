/* The kinds of receiver that alerts can go to: what a configuration has to say for each.  How a
 * message looks to one is service/alert/kind.h. */
#pragma once

#include <stdbool.h>

enum config_kind {
    KIND_WEBHOOK,
    KIND_CLOUDEVENTS,        /* structured mode */
    KIND_CLOUDEVENTS_BINARY, /* attributes as headers */
    KIND_SLACK,
    KIND_MATTERMOST,
    KIND_TEAMS,
    KIND_DISCORD,
    KIND_NTFY,
    KIND_GOTIFY,
    KIND_PAGERDUTY,
    KIND_OPSGENIE,
    KIND_ALERTMANAGER,
    KIND_SPLUNK,
    KIND_TEMPLATE,
    KIND_MAX
};

enum config_need { NEED_NOT, NEED_MAY, NEED_MUST };

struct config_kind_facts {
    const char *name;
    const char *path; /* how the path of its URL ends; NULL: any */
    enum config_need token, topic, text, secret;
    const char *token_is; /* what the token is called there */
};

extern const struct config_kind_facts config_kinds[KIND_MAX];

/* What speaks against a URL (not one that is kept elsewhere) for a kind: a sentence, or NULL.  It
 * never shows the URL, which may be the secret. */
const char *config_kind_url_fault(enum config_kind kind, const char *url);
