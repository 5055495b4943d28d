/* A kind of receiver: what a message looks like to it, and what its answers mean.
 *
 * render() is given how much may be shown; kind_render() shows less until the body fits, so a body
 * is always whole, and says how much was left out.  What is bounded is the number of events of a
 * group first, then the length of texts. */
#pragma once

#include "service/alert/http.h"
#include "service/alert/message.h"
#include "service/config/config.h"

#define REQUEST_HEADERS_MAX 16

/* What is to be sent. */
struct request {
    struct buf body;
    struct buf url; /* empty: as configured */
    const char *content_type;
    struct request_header {
        const char *name;
        char *value;
    } headers[REQUEST_HEADERS_MAX];
    size_t n_headers;
    bool failed; /* out of memory */
};
void request_done(struct request *r);
void request_header(struct request *r, const char *name, const char *fmt, ...) PRINTF(3, 4);

/* Of an endpoint: what its kind wants to know.  Borrowed. */
struct kind_config {
    enum config_kind kind;
    const char *url, *token, *topic, *content_type;
    const struct template *template;
};

struct kind_call {
    const struct message *message;
    const struct kind_config *config;
    size_t events; /* of a group, to be shown */
    size_t chars;  /* of one text */
};

/* What an answer with a status says besides. */
struct kind_answer {
    long code;
    const char *body; /* its first bytes, terminated */
    usec_t pause;     /* out: asked for in the body; 0: not */
};

struct kind {
    size_t limit;  /* bytes of a body */
    size_t events; /* of a group, shown at most */
    double rate;   /* usual settings */
    unsigned burst, concurrency;
    enum config_order order;
    void (*render)(struct request *r, const struct kind_call *c);
    /* May change what the status alone says; NULL: it says it all. */
    enum outcome (*judge)(enum outcome o, struct kind_answer *a);
};

extern const struct kind kinds[KIND_MAX];

/* shrink: how often the usual limit is halved.  -ENOMEM; -EMSGSIZE: cannot be made short enough.
 * r is to be request_done() in any case. */
int kind_render(struct request *r, const struct kind_config *c, const struct message *m,
                unsigned shrink) MUST_USE;
