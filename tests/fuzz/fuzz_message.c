/* layer: alert
 * Any bytes as the data of an event: refused, or every kind makes a body of it that is whole and
 * not too long, and JSON where the kind says so. */
#include "service/alert/kind.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(const struct message *m, const struct kind_config *c)
{
    CLEANUP(request_done) struct request r = {0};
    int status = kind_render(&r, c, m, 0);
    cJSON *tree;

    if (status == -EMSGSIZE)
        return;
    if (status < 0 || r.body.len > kinds[c->kind].limit)
        abort();
    if (!strstr(r.content_type, "json"))
        return;
    tree = cJSON_ParseWithLengthOpts(r.body.data, r.body.len + 1, NULL, 1);
    if (!tree)
        abort();
    cJSON_Delete(tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char text[] = "{\"a\": \"{{title}}{{more}}\", \"b\": "
                               "[{{#events}}\"{{summary}}{{old}}{{new}}\", {{/events}}0]}";
    struct render_event raw = {"port.opened", "2026-11-22T17:00:00.000Z", (const char *)data, len};
    struct kind_config c = {
        .url = "https://x/", .token = "t", .topic = "t", .content_type = "application/json"};
    CLEANUP(template_freep) struct template *t = NULL;
    struct err e = {0};
    struct message m;

    if (template_parse(&t, text, &e) < 0)
        abort();
    c.template = t;
    if (message_open(&m, "evt_1", &raw) < 0)
        return 0;
    for (int k = 0; k < KIND_MAX; k++) {
        c.kind = (enum config_kind)k;
        check(&m, &c);
    }
    message_done(&m);
    return 0;
}
