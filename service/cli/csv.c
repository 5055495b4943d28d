/* Comma-separated values. */
#include "service/cli/csv.h"

#include "engine/base/buf.h"
#include "service/cli/screen.h"

#include <stdlib.h>
#include <string.h>

/* Between what CSV has to have as it is (quotes, ends of lines, tabs) it is escaped as elsewhere.
 */
static void quoted_text(struct buf *out, const char *value)
{
    static const char kept[] = "\"\t\r\n";

    while (*value) {
        size_t n = strcspn(value, kept);
        CLEANUP(freep) char *part = strndup(value, n);

        screen_text(out, part);
        value += n;
        if (*value == '"')
            buf_char(out, '"');
        if (*value)
            buf_char(out, *value++);
    }
}

void csv_text(struct buf *out, const char *value)
{
    if (!value)
        return;
    if (strchr("=+-@\t\r", value[0]) && value[0]) {
        buf_str(out, "\"'");
    } else if (strpbrk(value, ",\"\r\n")) {
        buf_char(out, '"');
    } else {
        screen_text(out, value);
        return;
    }
    quoted_text(out, value);
    buf_char(out, '"');
}
