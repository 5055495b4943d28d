/* Canonical values and their digests.
 *
 * Noise is not change: structured output is compared with its keys sorted and the volatile ones
 * left out, so that a script that iterates over a table in another order, or prints the date,
 * changes nothing; text without structure without the lines of volatile keys.  What is stored
 * keeps the order of the script.  JSON goes through cJSON both
 * ways: whatever a script wrote, what we send is valid. */
#include "service/store/value.h"

#include "engine/base/text.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <string.h>

void value_done(struct value *v)
{
    free(v->body);
    v->body = NULL;
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Exactly n bytes from hex digits; dashes between them are skipped. */
static int unhex(const char *hex, uint8_t *ret, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int high, low;

        while (*hex == '-')
            hex++;
        high = nibble(hex[0]);
        low = high < 0 ? -1 : nibble(hex[1]);
        if (low < 0)
            return -EINVAL;
        ret[i] = (uint8_t)(high << 4 | low);
        hex += 2;
    }
    return *hex ? -EINVAL : 0;
}

int value_key_parse(const char *hex, struct value_key *ret)
{
    return unhex(hex, ret->b, sizeof ret->b);
}

int value_digest_parse(const char *text, uint8_t ret[VALUE_DIGEST_LEN])
{
    return unhex(text, ret, VALUE_DIGEST_LEN);
}

void value_digest_format(const uint8_t digest[VALUE_DIGEST_LEN], char buf[VALUE_DIGEST_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    size_t n = 0;

    for (size_t i = 0; i < VALUE_DIGEST_LEN; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            buf[n++] = '-';
        buf[n++] = digits[digest[i] >> 4];
        buf[n++] = digits[digest[i] & 15];
    }
    buf[n] = 0;
}

int value_mark(uint8_t ret[VALUE_DIGEST_LEN], const struct value_key *k, const void *data,
               size_t len)
{
    uint8_t mac[HMAC_LEN];

    if (hmac_sha256(k->b, NULL, data, len, mac) < 0)
        return -ENOMEM;
    memcpy(ret, mac, VALUE_DIGEST_LEN);
    return 0;
}

/* Takes *body; fills *ret.  The digest is over the kind and what counts of the value. */
static int seal(struct value *ret, const struct value_key *k, enum value_kind kind,
                const void *what, size_t len, struct buf *body)
{
    const char first[] = {(char)kind, 0};
    uint8_t mac[HMAC_LEN];

    if (body->failed || hmac_sha256(k->b, first, what, len, mac) < 0)
        return -ENOMEM;
    memcpy(ret->digest, mac, VALUE_DIGEST_LEN);
    ret->kind = kind;
    ret->body = buf_take(body);
    return ret->body ? 0 : -ENOMEM;
}

int value_of_text(struct value *ret, const struct value_key *k, const char *text, size_t len)
{
    CLEANUP(buf_done) struct buf body = {0};

    text_escape_utf8(&body, text, len < VALUE_BODY_MAX ? len : VALUE_BODY_MAX);
    return seal(ret, k, VALUE_TEXT, text, len, &body);
}

static void member(struct buf *out, const char *key, const char *s)
{
    if (!s)
        return;
    if (out->len && out->data[out->len - 1] != '{')
        buf_char(out, ',');
    buf_printf(out, "\"%s\":", key);
    json_string(out, s, strlen(s));
}

int value_of_service(struct value *ret, const struct value_key *k, const struct service_info *s)
{
    CLEANUP(buf_done) struct buf body = {0};

    buf_char(&body, '{');
    member(&body, "name", s->name);
    member(&body, "product", s->product);
    member(&body, "version", s->version);
    member(&body, "extra", s->extra);
    member(&body, "hostname", s->hostname);
    member(&body, "os", s->os);
    member(&body, "device", s->device);
    member(&body, "tunnel", s->tunnel);
    for (size_t i = 0; i < SERVICE_CPE_MAX && s->cpe[i]; i++) {
        buf_str(&body, i ? "," : body.len > 1 ? ",\"cpe\":[" : "\"cpe\":[");
        json_string(&body, s->cpe[i], strlen(s->cpe[i]));
    }
    buf_str(&body, s->cpe[0] ? "]}" : "}");
    return seal(ret, k, VALUE_SERVICE, body.data, body.len, &body);
}

/* ------------------------------------------------------------------ JSON */

static bool is_volatile(const struct value_volatile *v, const char *key)
{
    for (size_t i = 0; v && key && i < v->n; i++)
        if (strcmp(v->keys[i], key) == 0)
            return true;
    return false;
}

static int by_key(const void *a, const void *b)
{
    const cJSON *x = *(const cJSON *const *)a, *y = *(const cJSON *const *)b;

    return strcmp(x->string ? x->string : "", y->string ? y->string : "");
}

static void print_number(struct buf *out, double d)
{
    if (!isfinite(d))
        buf_str(out, "null");
    else if (d == floor(d) && fabs(d) < 1e15)
        buf_printf(out, "%.0f", d == 0 ? 0.0 : d);
    else
        buf_printf(out, "%.17g", d);
}

static void print_json(struct buf *out, const cJSON *j, const struct value_volatile *v,
                       bool sorted);

/* The members in order; sorted: by key, volatile ones left out. */
static void print_members(struct buf *out, const cJSON *j, const struct value_volatile *v,
                          bool sorted)
{
    size_t n = 0;
    const cJSON *m;
    const cJSON **list;

    for (m = j->child; m; m = m->next)
        n++;
    list = calloc(n ? n : 1, sizeof *list);
    if (!list) {
        out->failed = true;
        return;
    }
    n = 0;
    for (m = j->child; m; m = m->next)
        if (!sorted || !is_volatile(v, m->string))
            list[n++] = m;
    if (sorted && cJSON_IsObject(j))
        qsort(list, n, sizeof *list, by_key);
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_char(out, ',');
        if (cJSON_IsObject(j)) {
            const char *key = list[i]->string ? list[i]->string : "";

            json_string(out, key, strlen(key));
            buf_char(out, ':');
        }
        print_json(out, list[i], v, sorted);
    }
    free(list);
}

static void print_json(struct buf *out, const cJSON *j, const struct value_volatile *v, bool sorted)
{
    if (cJSON_IsObject(j) || cJSON_IsArray(j)) {
        buf_char(out, cJSON_IsObject(j) ? '{' : '[');
        print_members(out, j, v, sorted);
        buf_char(out, cJSON_IsObject(j) ? '}' : ']');
    } else if (cJSON_IsString(j)) {
        json_string(out, j->valuestring, strlen(j->valuestring));
    } else if (cJSON_IsNumber(j)) {
        print_number(out, j->valuedouble);
    } else {
        buf_str(out, cJSON_IsTrue(j) ? "true" : cJSON_IsFalse(j) ? "false" : "null");
    }
}

/* The code of "\\uXXXX", or -1. */
static int unicode_escape(const char *s, size_t left)
{
    int code = 0;

    if (left < 6 || s[0] != '\\' || s[1] != 'u')
        return -1;
    for (size_t i = 2; i < 6; i++) {
        int digit = nibble(s[i]);

        if (digit < 0)
            return -1;
        code = code << 4 | digit;
    }
    return code;
}

/* A backslash in a JSON string; returns how many bytes were used. */
static size_t clean_escape(struct buf *out, const char *s, size_t left)
{
    int code = unicode_escape(s, left), low;

    if (code < 0 && left >= 2 && s[1] && strchr("\"\\/bfnrt", s[1])) {
        buf_add(out, s, 2);
        return 2;
    }
    if (code < 0) {
        buf_str(out, "\\\\"); /* no escape: the backslash stands for itself */
        return 1;
    }
    low = code >= 0xd800 && code < 0xdc00 ? unicode_escape(s + 6, left - 6) : -1;
    if (low >= 0xdc00 && low < 0xe000) {
        buf_add(out, s, 12);
        return 12;
    }
    if (code == 0)
        buf_str(out, "\\\\x00");
    else if (code >= 0xd800 && code < 0xe000)
        buf_printf(out, "\\\\u%04x", (unsigned)code);
    else
        buf_add(out, s, 6);
    return 6;
}

/* Length of the valid UTF-8 sequence at s, or 0. */
static size_t sequence(const char *s, size_t left)
{
    for (size_t n = 1; n <= 4 && n <= left; n++)
        if (text_is_utf8(s, n))
            return n;
    return 0;
}

void value_clean_json(struct buf *out, const char *json, size_t len)
{
    bool in_string = false;

    for (size_t i = 0; i < len;) {
        unsigned char c;
        size_t n = text_plain_len(json + i, len - i);

        buf_add(out, json + i, n);
        i += n;
        if (i == len)
            return;
        c = (unsigned char)json[i];
        n = sequence(json + i, len - i);

        if (in_string && c == '\\') {
            i += clean_escape(out, json + i, len - i);
            continue;
        }
        if (c == '"')
            in_string = !in_string;
        if (in_string && c < 0x20 && c != 0)
            buf_printf(out, "\\u%04x", c);
        else if (n == 0)
            buf_printf(out, in_string ? "\\\\x%02X" : " ", c);
        else
            buf_add(out, json + i, n);
        i += n ? n : 1;
    }
}

static cJSON *parse(const char *json)
{
    CLEANUP(buf_done) struct buf clean = {0};

    if (!json)
        return NULL;
    value_clean_json(&clean, json, strlen(json));
    if (clean.failed || !clean.data)
        return NULL;
    return cJSON_ParseWithOpts(clean.data, NULL, 1);
}

/* Nearly all output is plain: it goes in as it is. */
static void script_output(struct buf *body, const char *output, size_t len)
{
    CLEANUP(buf_done) struct buf text = {0};

    (void)buf_room(body, len + sizeof "{\"output\":\"\"}");
    buf_str(body, "\"output\":");
    if (text_plain_len(output, len) == len) {
        buf_char(body, '"');
        buf_add(body, output, len);
        buf_char(body, '"');
        return;
    }
    text_escape_utf8(&text, output, len);
    json_string(body, text.data ? text.data : "", text.len);
    body->failed |= text.failed;
}

static void script_body(struct buf *body, const struct script_result *r, const cJSON *data)
{
    CLEANUP(buf_done) struct buf json = {0};
    size_t len = r->output_len < VALUE_BODY_MAX ? r->output_len : VALUE_BODY_MAX;

    buf_char(body, '{');
    if (r->output)
        script_output(body, r->output, len);
    if (data) {
        print_json(&json, data, NULL, false);
        if (!json.failed && json.len <= VALUE_BODY_MAX) {
            buf_str(body, r->output ? ",\"data\":" : "\"data\":");
            buf_add(body, json.data, json.len);
        }
    }
    buf_char(body, '}');
    if (json.failed)
        body->failed = true;
}

/* Whether a line begins, after blanks, with a volatile key and a colon. */
static bool is_volatile_line(const struct value_volatile *v, const char *line, size_t len)
{
    while (len && (*line == ' ' || *line == '\t')) {
        line++;
        len--;
    }
    for (size_t i = 0; v && i < v->n; i++) {
        size_t n = strlen(v->keys[i]);

        if (n < len && line[n] == ':' && memcmp(line, v->keys[i], n) == 0)
            return true;
    }
    return false;
}

/* What counts of a text that comes without structure, as of some of Nmap's scripts. */
static void print_text(struct buf *out, const char *text, size_t len,
                       const struct value_volatile *v)
{
    for (size_t at = 0, n; at < len; at += n) {
        const char *end = memchr(text + at, '\n', len - at);

        n = end ? (size_t)(end - (text + at)) + 1 : len - at;
        if (!is_volatile_line(v, text + at, n))
            buf_add(out, text + at, n);
    }
    /* as if a last line that was left out had never been there */
    if (out->len > 0 && out->len < len && text[len - 1] != '\n')
        out->len -= out->data[out->len - 1] == '\n';
}

int value_of_script(struct value *ret, const struct value_key *k, const struct script_result *r,
                    const struct value_volatile *v)
{
    CLEANUP(buf_done) struct buf canonical = {0};
    CLEANUP(buf_done) struct buf body = {0};
    cJSON *data = parse(r->data);

    if (data && !is_volatile(v, "*"))
        print_json(&canonical, data, v, true);
    else if (!data && r->output && !is_volatile(v, "*"))
        print_text(&canonical, r->output, r->output_len, v);
    script_body(&body, r, data);
    cJSON_Delete(data);
    if (canonical.failed)
        return -ENOMEM;
    return seal(ret, k, VALUE_SCRIPT, canonical.data, canonical.len, &body);
}
