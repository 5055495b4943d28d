/* layer: alert
 * Any bytes as the answer of each kind of receiver: a known outcome, a pause within a day. */
#include "service/alert/kind.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const long codes[] = {200, 202, 204, 400, 403, 404, 429, 500, 503};
    char body[HTTP_HEAD_MAX + 1];

    if (len > HTTP_HEAD_MAX)
        len = HTTP_HEAD_MAX;
    memcpy(body, data, len);
    body[len] = '\0';
    for (size_t k = 0; k < KIND_MAX; k++)
        for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
            struct kind_answer a = {codes[i], body, 0};
            struct answer status = {.code = codes[i], .headers_done = true};
            enum outcome o = outcome_of(&status);

            if (!kinds[k].judge)
                continue;
            o = kinds[k].judge(o, &a);
            if (o > OUTCOME_OURS || a.pause > RETRY_AFTER_MAX)
                abort();
        }
    return 0;
}
