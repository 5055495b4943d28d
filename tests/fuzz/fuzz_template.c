/* layer: config
 * Any text as a template: refused with a sentence, or parts that lie within it and sections that
 * are closed. */
#include "engine/base/cleanup.h"
#include "service/config/template.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    CLEANUP(freep) char *text = strndup((const char *)data, len);
    CLEANUP(template_freep) struct template *t = NULL;
    struct err e = {0};
    int depth = 0;

    if (!text)
        return 0;
    if (template_parse(&t, text, &e) < 0) {
        if (!e.text[0])
            abort();
        return 0;
    }
    for (size_t i = 0; i < t->n; i++) {
        const struct template_part *p = &t->parts[i];

        depth += p->kind == PART_EVENTS ? 1 : p->kind == PART_END ? -1 : 0;
        if (depth < 0 || depth > 1)
            abort();
        if (p->kind == PART_TEXT &&
            (p->text < t->source || p->text + p->len > t->source + strlen(t->source)))
            abort();
    }
    return depth == 0 ? 0 : (abort(), 0);
}
