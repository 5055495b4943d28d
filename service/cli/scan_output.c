/* Hands what happens to each form and writes what the form says.
 *
 * stdio buffers; scan_outputs_flush() comes once a turn of the loop, so that a pipe sees findings
 * at once while a burst costs one write. */
#include "service/cli/scan_output.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static bool is_stdout(const char *path)
{
    return path && strcmp(path, "-") == 0;
}

/* Leaves alone what the file holds. */
static int output_add(struct scan_outputs *o, const struct scan_form *form, const char *path,
                      struct err *e)
{
    FILE *f;

    if (!path)
        return 0;
    f = is_stdout(path) ? stdout : fopen(path, "ae");
    if (!f)
        return err_set(e, -errno, "cannot write '%s': %s", path, strerror(errno));
    o->to_stdout |= f == stdout;
    o->each[o->n++] = (struct scan_output){.form = form, .path = path, .file = f};
    return 0;
}

/* When all could be opened.  What cannot be cut, a pipe or a device, holds nothing. */
static void outputs_empty(struct scan_outputs *o, bool appending)
{
    for (size_t i = 0; i < o->n; i++) {
        const struct scan_output *x = &o->each[i];

        if (x->file != stdout && (!appending || x->form == &scan_form_xml))
            (void)!ftruncate(fileno(x->file), 0);
    }
}

/* XML cannot go on behind its end: the first of FILE.2, FILE.3 ... that is not there. */
static const char *next_name(struct scan_outputs *o, const char *path)
{
    for (int n = 2; n < 1000; n++) {
        snprintf(o->next_xml, sizeof o->next_xml, "%s.%d", path, n);
        if (access(o->next_xml, F_OK) < 0)
            break;
    }
    return o->next_xml;
}

/* The name of the n-th file of -oA; NULL: it does not fit. */
static const char *name_of(struct scan_outputs *o, unsigned n, const char *name, const char *end)
{
    int len = snprintf(o->all[n], sizeof o->all[n], "%s.%s", name, end);

    return len > 0 && (size_t)len < sizeof o->all[n] ? o->all[n] : NULL;
}

static int all_names(struct scan_outputs *o, const char *name, struct scan_args *a, struct err *e)
{
    a->text = name_of(o, 0, name, "nmap");
    a->xml = name_of(o, 1, name, "xml");
    a->grep = name_of(o, 2, name, "gnmap");
    return a->text && a->xml && a->grep ? 0
                                        : err_set(e, -ENAMETOOLONG, "-oA: the name is too long");
}

int scan_outputs_open(struct scan_outputs *o, const struct scan_args *given, struct err *e)
{
    struct scan_args args = *given, *a = &args;
    bool taken =
        is_stdout(a->text) || is_stdout(a->xml) || is_stdout(a->grep) || is_stdout(a->json);
    const char *xml;
    int r = a->all ? all_names(o, a->all, a, e) : 0;

    if (r < 0)
        return r;
    xml = a->xml;

    /* Not by lines, also on a terminal: the line of progress is cleared just before a flush. */
    setvbuf(stdout, NULL, _IOFBF, 65536);
    if (a->appending && xml && !is_stdout(xml))
        xml = next_name(o, xml);
    r = output_add(o, &scan_form_text, taken ? NULL : "-", e);
    if (r == 0)
        r = output_add(o, &scan_form_file, a->text, e);
    if (r == 0)
        r = output_add(o, &scan_form_xml, xml, e);
    if (r == 0)
        r = output_add(o, &scan_form_grep, a->grep, e);
    if (r == 0)
        r = output_add(o, &scan_form_json, a->json, e);
    if (r == 0)
        outputs_empty(o, a->appending);
    return r;
}

static void note_failure(struct scan_outputs *o, const struct scan_output *x, int error)
{
    if (o->failure)
        return;
    o->failure = error;
    o->failed_path = x->path;
}

int scan_outputs_close(struct scan_outputs *o, struct err *e)
{
    for (size_t i = 0; i < o->n; i++) {
        struct scan_output *x = &o->each[i];
        int r = x->file == stdout ? fflush(stdout) : fclose(x->file);

        if (r != 0)
            note_failure(o, x, -errno);
    }
    o->n = 0;
    buf_done(&o->text);
    if (o->failure && is_stdout(o->failed_path))
        return err_set(e, o->failure, "writing standard output: %s", strerror(-o->failure));
    if (o->failure)
        return err_set(e, o->failure, "writing '%s': %s", o->failed_path, strerror(-o->failure));
    return 0;
}

void scan_outputs_flush(struct scan_outputs *o)
{
    for (size_t i = 0; i < o->n; i++)
        if (fflush(o->each[i].file) != 0)
            note_failure(o, &o->each[i], -errno);
}

static void output_write(struct scan_outputs *o, struct scan_output *x)
{
    if (o->text.failed)
        note_failure(o, x, -ENOMEM);
    else if (o->text.len && fwrite(o->text.data, 1, o->text.len, x->file) != o->text.len)
        note_failure(o, x, errno ? -errno : -EIO);
    buf_clear(&o->text);
}

/* Calls one function of each form that has it, then writes what it appended. */
#define EACH_FORM(o, function, ...)                                                                \
    do {                                                                                           \
        for (size_t i_ = 0; i_ < (o)->n; i_++) {                                                   \
            if (!(o)->each[i_].form->function)                                                     \
                continue;                                                                          \
            (o)->each[i_].form->function(&(o)->text, __VA_ARGS__);                                 \
            output_write(o, &(o)->each[i_]);                                                       \
        }                                                                                          \
    } while (0)

void scan_outputs_begin(struct scan_outputs *o, const struct scan_info *i)
{
    EACH_FORM(o, begin, i);
}

void scan_outputs_host(struct scan_outputs *o, const struct host_finding *h)
{
    EACH_FORM(o, host, h);
}

void scan_outputs_port(struct scan_outputs *o, const struct port_finding *p)
{
    EACH_FORM(o, port, p);
}

void scan_outputs_script(struct scan_outputs *o, const struct script_result *r)
{
    EACH_FORM(o, script, r);
}

void scan_outputs_record(struct scan_outputs *o, const struct scan_info *i,
                         const struct host_record *r)
{
    EACH_FORM(o, record, i, r);
}

void scan_outputs_phase(struct scan_outputs *o, enum script_phase phase,
                        const struct record_script *s, size_t n)
{
    if (n)
        EACH_FORM(o, phase, phase, s, n);
}

void scan_outputs_coverage(struct scan_outputs *o, const struct coverage *c)
{
    EACH_FORM(o, coverage, c);
}

void scan_outputs_end(struct scan_outputs *o, const struct scan_info *i,
                      const struct scan_totals *t)
{
    EACH_FORM(o, end, i, t);
}
