/* HMAC-SHA-256 (RFC 2104) of many short texts with one key. */
#pragma once

#include "engine/base/cleanup.h"

#include <stddef.h>
#include <stdint.h>

#define HMAC_KEY_LEN 32
#define HMAC_LEN     32

/* Of the text that `first` (NULL: none) and the data make.  0 or -ENOMEM.  The key that was used
 * last by a thread is kept ready in it. */
int hmac_sha256(const uint8_t key[HMAC_KEY_LEN], const char *first, const void *data, size_t len,
                uint8_t ret[HMAC_LEN]) MUST_USE;
