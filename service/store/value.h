/* Values of facts: what counts when two are compared, its keyed digest, and the body that is stored
 * once.  Pure.
 *
 * The digest is HMAC-SHA-256 cut to 16 bytes, with the key of the installation: with an unkeyed
 * hash a hostile host could prepare two outputs with one digest and hide a change. */
#pragma once

#include "engine/model/finding.h"
#include "service/store/hmac.h"

#define VALUE_KEY_LEN     HMAC_KEY_LEN
#define VALUE_DIGEST_LEN  16
#define VALUE_DIGEST_TEXT 37 /* as uuid, with NUL */

/* Bodies are cut here; the digest is over the whole. */
#define VALUE_BODY_MAX (1U << 20)

struct value_key {
    uint8_t b[VALUE_KEY_LEN];
};

enum value_kind { VALUE_TEXT = 't', VALUE_SERVICE = 's', VALUE_SCRIPT = 'x' };

struct value {
    enum value_kind kind;
    uint8_t digest[VALUE_DIGEST_LEN];
    char *body; /* owned */
};
void value_done(struct value *v);

/* Hex digits of the key.  -EINVAL. */
int value_key_parse(const char *hex, struct value_key *ret);
void value_digest_format(const uint8_t digest[VALUE_DIGEST_LEN], char buf[VALUE_DIGEST_TEXT]);
/* The reverse of a uuid column.  -EINVAL. */
int value_digest_parse(const char *text, uint8_t ret[VALUE_DIGEST_LEN]);

/* 0 or -ENOMEM.  Text that is not UTF-8, or has control characters, is stored escaped (\xHH). */
int value_of_text(struct value *ret, const struct value_key *k, const char *text,
                  size_t len) MUST_USE;
int value_of_service(struct value *ret, const struct value_key *k,
                     const struct service_info *s) MUST_USE;

/* Keyed digest of a host's facts (a mark) or of anything else that is only compared.  -ENOMEM. */
int value_mark(uint8_t ret[VALUE_DIGEST_LEN], const struct value_key *k, const void *data,
               size_t len) MUST_USE;

/* Keys that a script's results are compared without, at any depth; "*": results are not compared at
 * all, only whether there is one. */
struct value_volatile {
    const char *const *keys;
    size_t n;
};
/* Structured output counts when there is any (JSON that does not parse counts as none), else the
 * text. */
int value_of_script(struct value *ret, const struct value_key *k, const struct script_result *r,
                    const struct value_volatile *v) MUST_USE;

/* JSON text as PostgreSQL's jsonb takes it: no NUL, no lone surrogates, valid UTF-8, no raw control
 * characters in strings; what is not is written as the text \xHH or \uXXXX. */
void value_clean_json(struct buf *out, const char *json, size_t len);
