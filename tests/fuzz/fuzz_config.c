/* layer: config
 * Any bytes as a configuration: refused with a message that names the file, or loaded whole. */
#include "service/config/config.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct config *c = NULL;
    struct err e = {0};
    int r = config_load_data(&c, "f.yaml", (const char *)data, len, NULL, NULL, &e);

    if (r < 0 && strncmp(e.text, "f.yaml:", 7) != 0)
        abort();
    if (r == 0 && !c)
        abort();
    config_free(c);
    return 0;
}
