/* Errors as values: no allocation, no global state, so that an error path cannot fail itself. */
#include "engine/base/err.h"

#include <stdarg.h>
#include <string.h>

int err_set(struct err *e, int code, const char *fmt, ...)
{
    va_list ap;

    if (!e)
        return code;
    e->code = code;
    va_start(ap, fmt);
    vsnprintf(e->text, sizeof e->text, fmt, ap);
    va_end(ap);
    return code;
}

int err_add(struct err *e, int code, const char *fmt, ...)
{
    char place[ERR_TEXT_MAX];
    char old[ERR_TEXT_MAX];
    va_list ap;
    int n;

    if (!e)
        return code;
    va_start(ap, fmt);
    n = vsnprintf(place, sizeof place, fmt, ap);
    va_end(ap);
    memcpy(old, e->text, sizeof old);
    e->code = code;
    if (n < 0)
        return code;
    snprintf(e->text, sizeof e->text, "%.255s: %.254s", place, old);
    return code;
}

const char *err_text(const struct err *e)
{
    if (e->text[0])
        return e->text;
    return strerror(e->code < 0 ? -e->code : e->code);
}
