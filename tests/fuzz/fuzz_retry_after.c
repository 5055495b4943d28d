/* layer: alert
 * Any text as Retry-After and Date: refused, or a time within the bounds. */
#include "service/alert/retry.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *value = strndup((const char *)data, len);
    char *date = value ? strchr(value, '\n') : NULL;
    usec_t got = 0;

    if (!value)
        return 0;
    if (date)
        *date++ = '\0';
    if (retry_after_parse(value, date, 1795366800ULL * USEC_PER_SEC, &got) == 0 &&
        (got < RETRY_AFTER_MIN || got > RETRY_AFTER_MAX))
        abort();
    free(value);
    return 0;
}
