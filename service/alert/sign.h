/* Signatures of webhooks: Standard Webhooks 1.0.0, HMAC-SHA256 ("v1"). */
#pragma once

#include "engine/base/buf.h"
#include "engine/base/err.h"

#define SIGN_KEYS_MAX 4 /* newest first; more than one during a rotation */
#define SIGN_KEY_MIN  24
#define SIGN_KEY_MAX  64

struct sign_key {
    unsigned char bytes[SIGN_KEY_MAX];
    size_t len;
};

struct sign_keys {
    struct sign_key keys[SIGN_KEYS_MAX];
    size_t n;
};

/* Reads "whsec_BASE64 [whsec_BASE64 ...]".  -EINVAL; the sentence never shows the text. */
int sign_keys_parse(struct sign_keys *ret, const char *text, struct err *e) MUST_USE;
void sign_keys_wipe(struct sign_keys *k);

struct sign_message {
    const char *id;
    uint64_t timestamp; /* seconds, of the attempt */
    const char *body;
    size_t len;
};

/* Appends the value of `webhook-signature`: "v1,... v1,...", one for each key. */
void sign_header(struct buf *out, const struct sign_keys *k, const struct sign_message *m);
