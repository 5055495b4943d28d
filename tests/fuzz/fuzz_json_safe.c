/* layer: alert
 * Any bytes as a JSON string: what comes out is one JSON string without characters that steer. */
#include "service/alert/render.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Ends the string at the first quote that closes it, as a JSON reader would. */
static size_t inside(const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (data[i] == '"')
            return i;
        if (data[i] == '\\')
            i++;
    }
    return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct buf in = {0}, out = {0};
    cJSON *tree;

    buf_char(&in, '"');
    buf_add(&in, data, inside(data, len));
    buf_char(&in, '"');
    render_json_safe(&out, in.data, in.len);
    tree = cJSON_ParseWithLengthOpts(out.data, out.len + 1, NULL, 1);
    if (!cJSON_IsString(tree))
        abort();
    for (const char *p = tree->valuestring; *p; p++)
        if ((unsigned char)*p < ' ' && *p != '\n' && *p != '\t')
            abort();
    cJSON_Delete(tree);
    buf_done(&in);
    buf_done(&out);
    return 0;
}
