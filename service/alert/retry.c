/* Failures of an endpoint and failures of a message are different things: the first stop the
 * endpoint and cost no message anything, the second condemn one message and let the next go on.  A
 * status 2xx is a success even if the body then dribbles or is cut: the receiver has accepted. */
#include "service/alert/retry.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *outcome_name(enum outcome o)
{
    static const char *const names[] = {"ok",       "throttled", "transient",
                                        "endpoint", "message",   "ours"};

    return names[o];
}

static enum outcome of_curl(int curl)
{
    switch (curl) {
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
        return OUTCOME_ENDPOINT;
    default:
        return OUTCOME_TRANSIENT;
    }
}

static enum outcome of_code(const struct answer *a)
{
    switch (a->code) {
    case 429:
        return OUTCOME_THROTTLED;
    case 503:
        return a->has_retry_after ? OUTCOME_THROTTLED : OUTCOME_TRANSIENT;
    case 400:
    case 411:
    case 413:
    case 414:
    case 415:
    case 422:
    case 431:
        return OUTCOME_MESSAGE;
    case 408:
    case 421:
    case 425:
        return OUTCOME_TRANSIENT;
    case 501:
    case 505:
        return OUTCOME_ENDPOINT;
    default:
        break;
    }
    if (a->code >= 200 && a->code < 300)
        return OUTCOME_OK;
    return a->code >= 500 ? OUTCOME_TRANSIENT : OUTCOME_ENDPOINT;
}

enum outcome outcome_of(const struct answer *a)
{
    if (a->headers_done && a->code >= 200)
        return of_code(a);
    if (a->denied)
        return OUTCOME_ENDPOINT;
    return of_curl(a->curl);
}

static usec_t clamp(double seconds)
{
    if (seconds <= (double)RETRY_AFTER_MIN / USEC_PER_SEC)
        return RETRY_AFTER_MIN;
    if (seconds >= (double)RETRY_AFTER_MAX / USEC_PER_SEC)
        return RETRY_AFTER_MAX;
    return (usec_t)(seconds * (double)USEC_PER_SEC + 0.5);
}

/* Digits, perhaps a fraction, and nothing else: strtod() alone would take "inf", "0x10" and signs
 * too. */
static bool is_decimal(const char *s)
{
    size_t n = strspn(s, "0123456789");

    if (n == 0)
        return false;
    s += n;
    if (*s == '.')
        s += 1 + strspn(s + 1, "0123456789");
    return *s == '\0';
}

int retry_after_parse(const char *value, const char *date, usec_t wall, usec_t *ret)
{
    time_t at, from;

    value += strspn(value, " \t");
    if (is_decimal(value)) {
        *ret = clamp(strtod(value, NULL));
        return 0;
    }
    if (!isalpha((unsigned char)*value)) /* curl_getdate() takes more than HTTP dates */
        return -EINVAL;
    at = curl_getdate(value, NULL);
    if (at == (time_t)-1)
        return -EINVAL;
    from = date ? curl_getdate(date, NULL) : (time_t)-1;
    if (from == (time_t)-1)
        from = (time_t)(wall / USEC_PER_SEC);
    *ret = clamp((double)at - (double)from);
    return 0;
}

usec_t backoff_delay(const struct backoff *b, unsigned n, uint64_t random)
{
    usec_t span = b->base;

    while (n-- > 0 && span < b->cap)
        span *= 2;
    if (span > b->cap)
        span = b->cap;
    return BACKOFF_FLOOR(b) + (span ? random % (span + 1) : 0);
}
