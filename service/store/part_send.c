/* The two questions that parts and ends of visits become.  Both are idempotent: sent again when the
 * connection breaks. */
#include "service/store/part.h"

int part_send_end(struct db *db, const struct buf *b, db_cb cb, void *user)
{
    const char *params[] = {b[PART_SCHEDULE].data,   b[PART_FENCE].data,
                            b[PART_E_COMPLETE].data, b[PART_METHOD].data,
                            b[PART_E_PROBES].data,   b[PART_E_RETRANSMISSIONS].data,
                            b[PART_E_DROPS].data,    b[PART_E_LOSS].data,
                            b[PART_E_RATE].data,     b[PART_NUMBER].data};
    struct db_call c = {
        .sql = "SELECT api.finish($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)",
        .params = params,
        .n_params = ARRAY_LEN(params),
        .flags = DB_RETRY | DB_OFTEN,
    };

    return db_query(db, &c, cb, user);
}

int part_send(struct db *db, const struct buf *b, unsigned flags, db_cb cb, void *user)
{
    const char *params[PART_PARAMS];
    size_t lens[PART_PARAMS] = {0};
    struct db_call c = {
        .sql = "SELECT verdict, want, need, opened, altered, closed, events, new_ports "
               "FROM api.apply_visit($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,"
               "$18,$19,$20,$21,$22,$23,$24,$25,$26,$27,$28,$29,$30,$31,$32)",
        .params = params,
        .lens = lens,
        .n_params = PART_PARAMS,
        .flags = DB_RETRY | DB_OFTEN | flags,
    };

    for (size_t i = 0; i < PART_PARAMS; i++) {
        params[i] = b[i].data;
        if (part_param_is_binary(i))
            lens[i] = b[i].len;
    }
    return db_query(db, &c, cb, user);
}
