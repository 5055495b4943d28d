/* Foreign text on a terminal. */
#include "service/cli/screen.h"

#include "engine/base/text.h"

#include <string.h>

void screen_text(struct buf *out, const char *s)
{
    while (s && *s) {
        size_t n = strcspn(s, "\t\n");

        text_escape_utf8(out, s, n);
        if (s[n])
            buf_printf(out, "\\x%02X", (unsigned char)s[n]);
        s += n + (s[n] != '\0');
    }
}
