/* expat's events, kept to nmap's elements.
 *
 * expat reads no external entities unless it is told to, and limits what internal ones expand to;
 * here a file that declares any is refused, which nmap's never do.  Its own message says why a
 * file is no XML; ours says which line, and what was expected of it. */
#include "service/import/nmap_xml_priv.h"

#include "engine/base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void xml_fail(struct nmap_xml *x, int code, const char *fmt, ...)
{
    char text[ERR_TEXT_MAX];
    va_list ap;

    if (x->err.code)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    err_set(&x->err, code, "%s:%lu: %s", x->name,
            (unsigned long)XML_GetCurrentLineNumber(x->parser), text);
    XML_StopParser(x->parser, XML_FALSE);
}

void xml_check(struct nmap_xml *x, int r)
{
    if (r == -ENOMEM)
        xml_fail(x, r, "out of memory");
    else if (r < 0)
        xml_fail(x, r,
                 "more than this program takes of one file; expected less than 1 GiB of"
                 " findings, and of a script less than %zu MiB in at most %d tables of each other",
                 STRUCTURE_BYTES_MAX >> 20, STRUCTURE_DEPTH_MAX);
}

const char *xml_attribute(const char **atts, const char *name)
{
    for (; atts[0]; atts += 2)
        if (strcmp(atts[0], name) == 0)
            return atts[1];
    return NULL;
}

uint64_t xml_number(struct nmap_xml *x, const char **atts, const char *name, uint64_t max)
{
    const char *text = xml_attribute(atts, name);
    unsigned long long v;
    char *end;

    if (!text)
        return 0;
    errno = 0;
    v = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || v > max) {
        xml_fail(x, -EBADMSG, "%s=\"%.40s\": expected a number up to %llu", name, text,
                 (unsigned long long)max);
        return 0;
    }
    return v;
}

const char *xml_keep(struct nmap_xml *x, const char *s)
{
    const char *kept;

    xml_check(x, nmap_run_text(x->run, s, s ? strlen(s) : 0, &kept));
    return kept;
}

static void on_start(void *user, const XML_Char *name, const XML_Char **atts)
{
    struct nmap_xml *x = user;
    enum element parent = x->depth ? x->stack[x->depth - 1] : EL_TOP;
    enum element is = xml_element(parent, name);

    if (x->err.code)
        return;
    if (parent == EL_TOP && is != EL_RUN) {
        xml_fail(x, -EBADMSG, "<%.40s>: expected <nmaprun>, as nmap -oX writes it", name);
    } else if (x->depth == XML_DEPTH_MAX) {
        xml_fail(x, -E2BIG, "<%.40s>: expected at most %d elements in each other", name,
                 XML_DEPTH_MAX);
    } else {
        x->stack[x->depth++] = is;
        buf_clear(&x->text);
        xml_start(x, is, atts);
    }
}

static void on_end(void *user, const XML_Char *name)
{
    struct nmap_xml *x = user;

    (void)name;
    if (x->err.code || !x->depth)
        return;
    if (x->text.failed)
        xml_fail(x, -E2BIG, "expected at most 4 MiB of text in one element");
    else
        xml_end(x, x->stack[--x->depth]);
    x->complete = x->depth == 0;
    buf_clear(&x->text);
}

static void on_text(void *user, const XML_Char *s, int len)
{
    struct nmap_xml *x = user;
    enum element is = x->depth ? x->stack[x->depth - 1] : EL_TOP;

    if (!x->err.code && (is == EL_CPE || is == EL_ELEM))
        buf_add(&x->text, s, (size_t)len);
}

static void on_entity(void *user, const XML_Char *name, int is_parameter, const XML_Char *value,
                      int value_len, const XML_Char *base, const XML_Char *system,
                      const XML_Char *public, const XML_Char *notation)
{
    (void)is_parameter, (void)value, (void)value_len, (void)base, (void)system, (void)public,
        (void)notation;
    xml_fail(user, -EBADMSG, "the entity '%.40s' is declared; expected none, as nmap writes none",
             name);
}

int nmap_xml_open(struct nmap_xml **ret, const char *name, struct err *e)
{
    struct nmap_xml *x = calloc(1, sizeof *x);

    if (x) {
        x->text.limit = XML_TEXT_MAX;
        x->name = strdup(name);
        x->run = nmap_run_new();
        x->parser = XML_ParserCreate(NULL);
    }
    if (!x || !x->name || !x->run || !x->parser) {
        nmap_xml_free(x);
        return err_set(e, -ENOMEM, "out of memory");
    }
    XML_SetUserData(x->parser, x);
    XML_SetElementHandler(x->parser, on_start, on_end);
    XML_SetCharacterDataHandler(x->parser, on_text);
    XML_SetEntityDeclHandler(x->parser, on_entity);
    *ret = x;
    return 0;
}

struct nmap_xml *nmap_xml_free(struct nmap_xml *x)
{
    if (!x)
        return NULL;
    if (x->parser)
        XML_ParserFree(x->parser);
    free(x->host.ports);
    free(x->host.results);
    structure_done(&x->structure);
    buf_done(&x->text);
    nmap_run_free(x->run);
    free(x->key);
    free(x->name);
    free(x);
    return NULL;
}

void nmap_xml_freep(struct nmap_xml **x)
{
    *x = nmap_xml_free(*x);
}

/* What expat did not take, in our words where they say more. */
static void explain(struct nmap_xml *x, bool last)
{
    enum XML_Error why = XML_GetErrorCode(x->parser);

    if (why == XML_ERROR_NO_MEMORY)
        xml_fail(x, -ENOMEM, "out of memory");
    else if (last && !x->complete &&
             (why == XML_ERROR_NO_ELEMENTS || why == XML_ERROR_UNCLOSED_TOKEN ||
              why == XML_ERROR_PARTIAL_CHAR || why == XML_ERROR_UNCLOSED_CDATA_SECTION))
        xml_fail(x, -EBADMSG,
                 x->depth ? "the file ends here; expected </nmaprun>: nmap was stopped before it"
                            " was done (nmap --resume goes on)"
                          : "the file has no <nmaprun>; expected what nmap -oX writes");
    else
        xml_fail(x, -EBADMSG, "%s; expected XML as nmap -oX writes it", XML_ErrorString(why));
}

static int parse(struct nmap_xml *x, const char *data, size_t len, bool last, struct err *e)
{
    const size_t step = 1U << 20; /* expat counts in int */

    do {
        size_t n = len < step ? len : step;

        if (XML_Parse(x->parser, data, (int)n, last && n == len) == XML_STATUS_ERROR)
            explain(x, last && n == len);
        data += n;
        len -= n;
    } while (len && !x->err.code);
    if (x->err.code)
        return err_set(e, x->err.code, "%s", err_text(&x->err));
    return 0;
}

int nmap_xml_feed(struct nmap_xml *x, const void *data, size_t len, struct err *e)
{
    return len ? parse(x, data, len, false, e) : 0;
}

int nmap_xml_close(struct nmap_xml *x, struct nmap_run **ret, struct err *e)
{
    int r = parse(x, "", 0, true, e);

    if (r < 0)
        return r;
    r = nmap_run_close(x->run);
    if (r < 0)
        return err_set(e, r, "%s: too large, or out of memory", x->name);
    *ret = take(&x->run);
    return 0;
}
