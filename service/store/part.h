/* A part on its way to the database: hosts, facts as digests, and the bodies behind them.  Made
 * from the caller's structs (nothing of them is kept), written as parameters of api.apply_visit()
 * when it is sent, and as bytes when it has to wait on disk (part_wire.c).  Pure. */
#pragma once

#include "engine/base/wire.h"
#include "service/store/query.h"
#include "service/store/store_priv.h"

enum part_param {
    PART_SCHEDULE,
    PART_FENCE,
    PART_NUMBER, /* of an end by itself: of the last part before it */
    PART_AT,
    PART_METHOD,
    PART_H_ADDR,
    PART_H_STATE,
    PART_H_MARK,
    PART_H_MAC,
    PART_H_REASON,
    PART_H_TTL,
    PART_H_VENDOR,
    PART_NAMES,
    PART_JUDGED,
    PART_F_HOST,
    PART_F_SLOT,
    PART_F_ATTR,
    PART_F_VALUE,
    PART_U_HOST,
    PART_U_SLOT,
    PART_U_ATTR,
    PART_B_VALUE,
    PART_B_KIND,
    PART_B_BODY,
    PART_N_SLOT,
    PART_N_NAME,
    PART_E_COMPLETE,
    PART_E_PROBES,
    PART_E_RETRANSMISSIONS,
    PART_E_DROPS,
    PART_E_LOSS,
    PART_E_RATE,
    PART_PARAMS
};

struct part_host {
    struct addr addr;
    char state;  /* u n d b, as api.apply_visit() has them */
    bool marked; /* `mark` says all that the facts say */
    bool alone;  /* the mark travels without them */
    bool has_mac;
    uint8_t reason, ttl;
    struct mac mac;
    uint8_t mark[VALUE_DIGEST_LEN];
    char *vendor; /* NULL: not known */
};

struct part_fact {
    uint32_t host; /* index */
    int32_t slot, attr;
    bool unsure; /* could not be judged; no digest */
    bool absent; /* asked for, and not there; likewise */
    uint8_t digest[VALUE_DIGEST_LEN];
    uint32_t order; /* in which it was found */
};

struct part_port {
    int32_t slot;
    char *name;
};

struct part {
    int64_t schedule, fence;
    uint32_t number;
    usec_t at; /* the server's clock */
    char *method;
    uint64_t place; /* hash of zone and pass, for struct marks */
    struct part_host *hosts;
    struct part_fact *facts; /* by host, slot and attribute */
    char **names;            /* of scripts: attribute -k stands for the k-th */
    struct value *values;    /* the bodies, kept until the server has them */
    struct part_port *ports; /* names of ports */
    size_t n_hosts, n_facts, n_names, n_judged, n_values, n_ports;
    int64_t last; /* of an end by itself: number of the last part before it; -1: not known */
    bool ends;    /* the visit ends with it, as `end` says (its texts are NULL) */
    struct coverage end;
    size_t bytes; /* about what it takes in memory */
};
void part_done(struct part *p);

/* 0, -ENOMEM, -EINVAL: an address is told twice. */
int part_build(struct part *ret, const struct store *s, const struct store_lease *l,
               const struct store_part *in) MUST_USE;

/* part_mark.c: the marks of the hosts of a part whose facts are in order.  -ENOMEM. */
int part_mark(struct part *p, const struct store *s, enum store_kind kind) MUST_USE;

/* Before bodies are wanted: puts them in the order in which part_params() looks for them. */
void part_order_values(struct part *p);

/* The parameters; `want`: the bodies that the server asks for, an array of digests; NULL: none.
 * -EBADMSG: it asks for others. -ENOMEM.  The caller's to part_params_done(), also on failure. */
int part_params(const struct part *p, const char *want, struct buf params[PART_PARAMS]) MUST_USE;
void part_params_done(struct buf params[PART_PARAMS]);
/* Of those that have thousands of items: text costs both sides several times as much. */
bool part_param_is_binary(size_t param);

/* part_send.c.  From the parameters; flags: DB_FIRST or nothing.  As db_query(). */
int part_send(struct db *db, const struct buf *b, unsigned flags, db_cb cb, void *user) MUST_USE;
int part_send_end(struct db *db, const struct buf *b, db_cb cb, void *user) MUST_USE;

/* part_answer.c.  The addresses of an array; *ret is the caller's.  -ENOMEM; items that are none
 * are left out. */
int part_addresses(const char *array, struct addr **ret, size_t *ret_n) MUST_USE;
/* The facts travel of the hosts (numbers from 1) in an array.  -EBADMSG: there are no such. */
int part_need_facts(struct part *p, const char *array) MUST_USE;

/* part_wire.c.  Failure is out->failed. */
void part_encode(struct buf *out, const struct part *p);
/* -EBADMSG: not a part; -ENOMEM. */
int part_decode(struct part *ret, struct rbuf *in) MUST_USE;
