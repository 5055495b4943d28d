/* Members of objects have keys, those of lists have none.  What kind of value one was is lost: XML
 * has texts alone. */
#include "service/cli/structure_xml.h"

#include "engine/base/text.h"
#include "service/cli/scan_writer.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

static void text(struct buf *out, const char *s)
{
    CLEANUP(buf_done) struct buf clean = {0};

    text_escape_utf8(&clean, s, strlen(s));
    scan_xml_escape(out, clean.data ? clean.data : "", clean.len);
    out->failed |= clean.failed;
}

static void scalar(struct buf *out, const cJSON *j)
{
    double d = j->valuedouble;

    if (cJSON_IsString(j))
        text(out, j->valuestring);
    else if (cJSON_IsBool(j))
        buf_str(out, cJSON_IsTrue(j) ? "true" : "false");
    else if (cJSON_IsNumber(j) && d == floor(d) && fabs(d) < 1e15)
        buf_printf(out, "%.0f", d);
    else if (cJSON_IsNumber(j))
        buf_printf(out, "%.17g", d);
}

static void members(struct buf *out, const cJSON *j);

static void member(struct buf *out, const cJSON *j, const char *key)
{
    bool table = cJSON_IsObject(j) || cJSON_IsArray(j);

    buf_str(out, table ? "<table" : "<elem");
    if (key) {
        buf_str(out, " key=\"");
        text(out, key);
        buf_char(out, '"');
    }
    buf_str(out, table ? ">\n" : ">");
    if (table)
        members(out, j);
    else
        scalar(out, j);
    buf_str(out, table ? "</table>\n" : "</elem>\n");
}

static void members(struct buf *out, const cJSON *j)
{
    for (const cJSON *m = j->child; m; m = m->next)
        member(out, m, cJSON_IsObject(j) ? m->string : NULL);
}

void structure_xml(struct buf *out, const char *json)
{
    cJSON *j = json ? cJSON_Parse(json) : NULL;

    if (cJSON_IsObject(j) || cJSON_IsArray(j))
        members(out, j);
    cJSON_Delete(j);
}
