/* Comma-separated values. */
#include "service/cli/csv.h"

#include "engine/base/buf.h"
#include "service/cli/screen.h"

#include <string.h>

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
    for (; *value; value++) {
        if (*value == '"')
            buf_char(out, '"');
        buf_char(out, *value);
    }
    buf_char(out, '"');
}
