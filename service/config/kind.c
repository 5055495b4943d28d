/* What each kind needs, and which addresses give a wrong kind away. */
#include "service/config/kind.h"

#include "engine/base/cleanup.h"

#include <string.h>
#include <strings.h>

const struct config_kind_facts config_kinds[KIND_MAX] = {
    [KIND_WEBHOOK] = {"webhook", NULL, NEED_MAY, NEED_NOT, NEED_NOT, NEED_MAY, "bearer token"},
    [KIND_CLOUDEVENTS] = {"cloudevents", NULL, NEED_MAY, NEED_NOT, NEED_NOT, NEED_MAY,
                          "bearer token"},
    [KIND_CLOUDEVENTS_BINARY] = {"cloudevents-binary", NULL, NEED_MAY, NEED_NOT, NEED_NOT, NEED_MAY,
                                 "bearer token"},
    [KIND_SLACK] = {"slack", NULL, NEED_NOT, NEED_NOT, NEED_NOT, NEED_NOT, NULL},
    [KIND_MATTERMOST] = {"mattermost", NULL, NEED_NOT, NEED_NOT, NEED_NOT, NEED_NOT, NULL},
    [KIND_TEAMS] = {"teams", NULL, NEED_NOT, NEED_NOT, NEED_NOT, NEED_NOT, NULL},
    [KIND_DISCORD] = {"discord", NULL, NEED_NOT, NEED_NOT, NEED_NOT, NEED_NOT, NULL},
    [KIND_NTFY] = {"ntfy", "/", NEED_MAY, NEED_MUST, NEED_NOT, NEED_NOT, "access token"},
    [KIND_GOTIFY] = {"gotify", "/message", NEED_MUST, NEED_NOT, NEED_NOT, NEED_NOT,
                     "application token"},
    [KIND_PAGERDUTY] = {"pagerduty", "/v2/enqueue", NEED_MUST, NEED_NOT, NEED_NOT, NEED_NOT,
                        "routing key"},
    [KIND_OPSGENIE] = {"opsgenie", "/v2/alerts", NEED_MUST, NEED_NOT, NEED_NOT, NEED_NOT,
                       "API key"},
    [KIND_ALERTMANAGER] = {"alertmanager", "/api/v2/alerts", NEED_MAY, NEED_NOT, NEED_NOT, NEED_NOT,
                           "bearer token"},
    [KIND_SPLUNK] = {"splunk", "/services/collector/event", NEED_MUST, NEED_NOT, NEED_NOT, NEED_NOT,
                     "token of the HTTP event collector"},
    [KIND_TEMPLATE] = {"template", NULL, NEED_MAY, NEED_NOT, NEED_MUST, NEED_MAY, "bearer token"},
};

/* Hosts of services that take one kind alone. */
static const struct host {
    const char *suffix;
    enum config_kind kind;
    const char *fault;
} hosts[] = {
    {"webhook.office.com", KIND_MAX,
     "Microsoft has retired the connectors of Teams; make a workflow (\"Post to a channel when a "
     "webhook request is received\") and give its URL, with kind: teams"},
    {"outlook.office.com", KIND_MAX,
     "Microsoft has retired the connectors of Teams; make a workflow (\"Post to a channel when a "
     "webhook request is received\") and give its URL, with kind: teams"},
    {"hooks.slack.com", KIND_SLACK, "this is a webhook of Slack; say kind: slack"},
    {"discord.com", KIND_DISCORD, "this is a webhook of Discord; say kind: discord"},
    {"discordapp.com", KIND_DISCORD, "this is a webhook of Discord; say kind: discord"},
    {"logic.azure.com", KIND_TEAMS, "this is a workflow of Microsoft; say kind: teams"},
    {"api.powerplatform.com", KIND_TEAMS, "this is a workflow of Microsoft; say kind: teams"},
    {"ntfy.sh", KIND_NTFY, "this is ntfy; say kind: ntfy, and the topic in `topic`"},
    {"events.pagerduty.com", KIND_PAGERDUTY, "this is PagerDuty; say kind: pagerduty"},
    {"api.opsgenie.com", KIND_OPSGENIE, "this is Opsgenie; say kind: opsgenie"},
};

static const char *const path_faults[KIND_MAX] = {
    [KIND_NTFY] = "expected the server alone, such as https://ntfy.sh/: the topic goes into "
                  "`topic`",
    [KIND_GOTIFY] = "expected a URL that ends in /message",
    [KIND_PAGERDUTY] = "expected a URL that ends in /v2/enqueue, such as "
                       "https://events.pagerduty.com/v2/enqueue",
    [KIND_OPSGENIE] = "expected a URL that ends in /v2/alerts, such as "
                      "https://api.opsgenie.com/v2/alerts",
    [KIND_ALERTMANAGER] = "expected a URL that ends in /api/v2/alerts",
    [KIND_SPLUNK] = "expected a URL that ends in /services/collector/event",
};

static bool ends_in(const char *text, size_t len, const char *end)
{
    size_t n = strlen(end);

    return len >= n && strncasecmp(text + len - n, end, n) == 0;
}

const char *config_kind_url_fault(enum config_kind kind, const char *url)
{
    const char *host = strstr(url, "://");
    const char *want = config_kinds[kind].path;
    const char *path;
    size_t len, path_len;

    if (!host)
        return NULL;
    host += 3;
    len = strcspn(host, ":/?#");
    path = host + strcspn(host, "/?#");
    path_len = strcspn(path, "?#");
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
        if (hosts[i].kind != kind && ends_in(host, len, hosts[i].suffix))
            return hosts[i].fault;
    if (want && strcmp(want, "/") == 0)
        return path_len > 1 ? path_faults[kind] : NULL;
    return want && !ends_in(path, path_len, want) ? path_faults[kind] : NULL;
}
