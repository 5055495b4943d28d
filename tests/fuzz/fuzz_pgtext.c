/* layer: store
 * What comes out of columns: arrays, times, addresses, digests; and script output on its way in.
 * Whatever the bytes are: no crash, no read behind the end, what is cleaned for jsonb is valid
 * UTF-8, and arrays that were built are read back. */
#include "engine/base/text.h"
#include "service/store/decode.h"
#include "service/store/value.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_array(const char *text)
{
    CLEANUP(buf_done) struct buf item = {0}, again = {0}, second = {0};
    size_t pos = 0, back = 0;

    pg_array_open(&again);
    while (pg_array_next(text, &pos, &item) == PG_ARRAY_ITEM)
        pg_array_text(&again, item.data ? item.data : "", item.len);
    pg_array_close(&again);
    pos = 0;
    while (pg_array_next(text, &pos, &item) == PG_ARRAY_ITEM) {
        if (pg_array_next(again.data, &back, &second) != PG_ARRAY_ITEM || item.len != second.len ||
            (item.len && memcmp(item.data, second.data, item.len) != 0))
            abort();
    }
    if (pg_array_next(again.data, &back, &second) != PG_ARRAY_END)
        abort();
}

static void make_value(const char *text, size_t size)
{
    static const struct value_key key;
    struct script_result r = {.data = text, .output = text, .output_len = size};
    struct value v;

    if (value_of_script(&v, &key, &r, NULL) == 0) {
        if (!text_is_utf8(v.body, strlen(v.body)))
            abort();
        value_done(&v);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(buf_done) struct buf clean = {0};
    char *text = malloc(size + 1);
    uint8_t digest[VALUE_DIGEST_LEN];
    struct addr a;
    usec_t wall;

    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = 0;
    read_array(text);
    (void)pg_time_parse(text, &wall);
    (void)pg_inet_parse(text, &a);
    (void)value_digest_parse(text, digest);
    value_clean_json(&clean, text, size);
    if (clean.data && !text_is_utf8(clean.data, clean.len))
        abort();
    make_value(text, size);
    free(text);
    return 0;
}
