/* That the configuration file is not in force, in the row of our sensor: said when it changes, and
 * after each greeting, because what stands there may be of an earlier process. */
#include "service/store/store_priv.h"

#include "engine/base/log.h"
#include "engine/base/text.h"

#include <errno.h>
#include <string.h>

static void on_told(void *user, int status, const struct db_rows *rows, const struct err *e)
{
    (void)user, (void)rows;
    if (status < 0 && status != -ECANCELED)
        log_event(LOG_WARNING, "the database was not told whether the configuration is in force",
                  "ERROR", err_text(e));
}

void store_tell_refused(struct store *s)
{
    usec_t now = loop_wall(s->loop), age = now > s->config_since ? now - s->config_since : 0;
    char id[24], seconds[32];
    const char *params[] = {id, s->instance, s->config_why, seconds};
    struct db_call c = {
        .sql = "SELECT api.config_refused($1, $2, $3, make_interval(secs => $4::float8))",
        .params = params,
        .n_params = 4,
        .flags = DB_RETRY,
    };

    snprintf(id, sizeof id, "%lld", (long long)s->sensor_id);
    snprintf(seconds, sizeof seconds, "%.3f", (double)age / (double)USEC_PER_SEC);
    if (!s->down && store_call(s, &c, on_told, s) < 0) /* else after the next greeting */
        log_debug("store: whether the configuration is in force was not told");
}

void store_config_refused(struct store *s, const char *why, usec_t since)
{
    CLEANUP(buf_done) struct buf clean = {0};
    const char *old = s->config_why;

    if (why)
        text_escape_utf8(&clean, why, strlen(why));
    if (why && old ? clean.data && strcmp(clean.data, old) == 0 : why == old)
        return;
    free(s->config_why);
    s->config_why = why ? buf_take(&clean) : NULL;
    s->config_since = since;
    store_tell_refused(s);
}
