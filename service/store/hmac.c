/* OpenSSL's HMAC() looks its algorithms up and takes the key in anew each time, which is five times
 * the work of hashing a value.  Here the hashes have taken in the padded key once, and are copied.
 */
#include "service/store/hmac.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <string.h>

#define BLOCK_LEN 64 /* of SHA-256 */

struct ready {
    uint8_t key[HMAC_KEY_LEN];
    EVP_MD_CTX *inner, *outer, *work;
};

static _Thread_local struct ready ready;

static void forget(void)
{
    EVP_MD_CTX_free(ready.inner);
    EVP_MD_CTX_free(ready.outer);
    EVP_MD_CTX_free(ready.work);
    ready = (struct ready){0};
}

/* A hash that has taken in the key, padded with zeros and combined with `pad`.  NULL: no memory. */
static EVP_MD_CTX *begin(const uint8_t key[HMAC_KEY_LEN], uint8_t pad)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    uint8_t block[BLOCK_LEN];

    memset(block, pad, sizeof block);
    for (size_t i = 0; i < HMAC_KEY_LEN; i++)
        block[i] ^= key[i];
    if (c && EVP_DigestInit_ex(c, EVP_sha256(), NULL) && EVP_DigestUpdate(c, block, sizeof block))
        return c;
    EVP_MD_CTX_free(c);
    return NULL;
}

static int prepare(const uint8_t key[HMAC_KEY_LEN])
{
    if (ready.work && memcmp(ready.key, key, HMAC_KEY_LEN) == 0)
        return 0;
    forget();
    ready.inner = begin(key, 0x36);
    ready.outer = begin(key, 0x5c);
    ready.work = ready.inner && ready.outer ? EVP_MD_CTX_new() : NULL;
    memcpy(ready.key, key, HMAC_KEY_LEN);
    if (ready.work)
        return 0;
    forget();
    return -ENOMEM;
}

/* Goes on from `from` with the data. */
static bool finish(const EVP_MD_CTX *from, const char *first, const void *data, size_t len,
                   uint8_t ret[HMAC_LEN])
{
    return EVP_MD_CTX_copy_ex(ready.work, from) &&
           (!first || EVP_DigestUpdate(ready.work, first, strlen(first))) &&
           EVP_DigestUpdate(ready.work, data, len) && EVP_DigestFinal_ex(ready.work, ret, NULL);
}

int hmac_sha256(const uint8_t key[HMAC_KEY_LEN], const char *first, const void *data, size_t len,
                uint8_t ret[HMAC_LEN])
{
    if (prepare(key) < 0)
        return -ENOMEM;
    if (finish(ready.inner, first, data, len, ret) && finish(ready.outer, NULL, ret, HMAC_LEN, ret))
        return 0;
    forget();
    return -ENOMEM;
}
