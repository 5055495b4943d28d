/* Standard Webhooks: what is signed is `id.timestamp.body`, byte for byte as sent.  A receiver
 * accepts any of the signatures in the header, which is how keys are rotated: sign with the new and
 * the old one for a while. */
#include "service/alert/sign.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#define PREFIX "whsec_"
#define BASE64_MAX                                                                                 \
    96 /* of a key, with room for the padding that EVP_DecodeBlock() writes as zeros */

static int key_decode(struct sign_key *k, const char *text, size_t len)
{
    unsigned char raw[BASE64_MAX];
    size_t padding = 0;
    int n;

    if (len == 0 || len % 4 || len > BASE64_MAX)
        return -EINVAL;
    while (padding < 2 && text[len - 1 - padding] == '=')
        padding++;
    n = EVP_DecodeBlock(raw, (const unsigned char *)text, (int)len);
    if (n < 0 || (size_t)n - padding < SIGN_KEY_MIN || (size_t)n - padding > SIGN_KEY_MAX)
        return -EINVAL;
    k->len = (size_t)n - padding;
    memcpy(k->bytes, raw, k->len);
    OPENSSL_cleanse(raw, sizeof raw);
    return 0;
}

int sign_keys_parse(struct sign_keys *ret, const char *text, struct err *e)
{
    static const char spaces[] = " \t\r\n";
    struct sign_keys keys = {0};
    int r = 0;

    for (text += strspn(text, spaces); *text && r == 0; text += strspn(text, spaces)) {
        size_t len = strcspn(text, spaces);

        if (keys.n == SIGN_KEYS_MAX)
            r = err_set(e, -EINVAL, "more than %d keys in the secret", SIGN_KEYS_MAX);
        else if (strncmp(text, PREFIX, strlen(PREFIX)) != 0 ||
                 key_decode(&keys.keys[keys.n++], text + strlen(PREFIX), len - strlen(PREFIX)) < 0)
            r = err_set(e, -EINVAL, "secret: expected \"whsec_\" and %d to %d bytes in base64",
                        SIGN_KEY_MIN, SIGN_KEY_MAX);
        text += len;
    }
    if (r == 0 && keys.n == 0)
        r = err_set(e, -EINVAL, "secret: it is empty");
    if (r == 0)
        *ret = keys;
    sign_keys_wipe(&keys);
    return r;
}

void sign_keys_wipe(struct sign_keys *k)
{
    OPENSSL_cleanse(k, sizeof *k);
}

static void sign_one(struct buf *out, const struct sign_key *k, const struct buf *bytes)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned char text[2 * EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (!HMAC(EVP_sha256(), k->bytes, (int)k->len, (const unsigned char *)bytes->data, bytes->len,
              digest, &len)) {
        out->failed = true;
        return;
    }
    EVP_EncodeBlock(text, digest, (int)len);
    buf_printf(out, "%sv1,%s", out->len ? " " : "", (const char *)text);
}

void sign_header(struct buf *out, const struct sign_keys *k, const struct sign_message *m)
{
    CLEANUP(buf_done) struct buf bytes = {0};

    buf_printf(&bytes, "%s.%" PRIu64 ".", m->id, m->timestamp);
    buf_add(&bytes, m->body, m->len);
    if (bytes.failed)
        out->failed = true;
    for (size_t i = 0; i < k->n && !out->failed; i++)
        sign_one(out, &k->keys[i], &bytes);
}
