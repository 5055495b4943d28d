/* Messages of the past in bulk: a consumer beside the live one.  The database knows its place
 * (alert.replay_job); here it is asked for some more whenever those before are done, and at each
 * heartbeat, because somebody may have asked for a replay. */
#include "engine/base/log.h"
#include "service/alert/alert_priv.h"

#include <inttypes.h>

#define FEED_TEXT "100"

static void on_fed(struct call *c, int status, const struct db_rows *rows, const struct err *e)
{
    struct endpoint *ep = c->endpoint;

    if (!call_is_current(c))
        return;
    ep->feeding = false;
    if (status < 0) {
        log_debug("no replay for now: %s", err_text(e));
        return;
    }
    ep->replaying = db_rows_bool(rows, 0, 1);
    if (db_rows_int(rows, 0, 0, 0) > 0)
        window_fetch(ep);
}

void replay_feed(struct endpoint *ep)
{
    char id[24], epoch[24];
    const char *params[] = {id, epoch};
    struct db_call q = {
        .sql = "SELECT * FROM alert.replay_feed($1::int4, $2::int8, " FEED_TEXT ")",
        .params = params,
        .n_params = ARRAY_LEN(params),
    };

    if (!ep->held || ep->feeding || ep->alert->stopping || ep->state == EP_DISABLED)
        return;
    snprintf(id, sizeof id, "%" PRId64, ep->id);
    snprintf(epoch, sizeof epoch, "%" PRId64, ep->epoch);
    ep->feeding = alert_call(ep->alert, ep, &q, on_fed) == 0;
}
