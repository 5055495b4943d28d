/* schedule_store over the store itself. */
#include "service/schedule/schedule.h"

static int real_claim(void *user, const struct store_claim *c, store_claim_cb cb, void *cb_user)
{
    return store_claim(user, c, cb, cb_user);
}

static int real_keep(void *user, const struct store_keep *k, store_keep_cb cb, void *cb_user)
{
    return store_keep(user, k, cb, cb_user);
}

static int real_targets(void *user, const struct store_lease *l, store_targets_cb cb, void *cb_user)
{
    return store_targets(user, l, cb, cb_user);
}

static int real_apply(void *user, struct store_lease *l, const struct store_part *p,
                      store_apply_cb cb, void *cb_user)
{
    return store_apply(user, l, p, cb, cb_user);
}

static int real_finish(void *user, const struct store_lease *l, const struct coverage *c,
                       store_cb cb, void *cb_user)
{
    return store_finish(user, l, c, cb, cb_user);
}

static int real_sampled(void *user, const struct store_lease *l, const struct addr_set *asked,
                        store_cb cb, void *cb_user)
{
    return store_sampled(user, l, asked, cb, cb_user);
}

static int real_past(void *user, const struct store_lease *l, store_past_cb cb, void *cb_user)
{
    return store_past(user, l, cb, cb_user);
}

static int real_sight(void *user, const struct store_sighting *list, size_t n, store_sight_cb cb,
                      void *cb_user)
{
    return store_sight(user, list, n, cb, cb_user);
}

static int real_listeners(void *user, const struct store_listener *list, size_t n)
{
    return store_listeners(user, list, n);
}

static void real_declare(void *user, const char *script, const char *keys)
{
    store_declare(user, script, keys);
}

struct schedule_store schedule_store_of(struct store *s)
{
    return (struct schedule_store){
        .user = s,
        .claim = real_claim,
        .keep = real_keep,
        .targets = real_targets,
        .apply = real_apply,
        .finish = real_finish,
        .sampled = real_sampled,
        .past = real_past,
        .sight = real_sight,
        .listeners = real_listeners,
        .declare = real_declare,
    };
}
