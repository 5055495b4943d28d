/* Hands what happens to each form and writes what the form says.
 *
 * stdio buffers; scan_outputs_flush() comes once a turn of the loop, so that a pipe sees findings
 * at once while a burst costs one write. */
#include "service/cli/scan_output.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static bool is_stdout(const char *path)
{
    return path && strcmp(path, "-") == 0;
}

/* Whether one of the outputs is this file, maybe by another name: two writers would mix their
 * lines. */
static bool is_written(const struct scan_outputs *o, FILE *f)
{
    struct stat st, other;

    if (fstat(fileno(f), &st) < 0 || !S_ISREG(st.st_mode))
        return false;
    for (size_t i = 0; i < o->n; i++)
        if (fstat(fileno(o->each[i].file), &other) == 0 && other.st_dev == st.st_dev &&
            other.st_ino == st.st_ino)
            return true;
    return false;
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
    if (is_written(o, f)) {
        if (f != stdout)
            fclose(f);
        return err_set(e, -EINVAL, "'%s' is written by another output; name a file for each", path);
    }
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

/* What nmap puts into names for a letter behind '%'; others stand for themselves. */
static void time_write(struct buf *out, char letter, const struct tm *tm)
{
    const struct {
        char letter;
        int digits, value;
    } parts[] = {{'H', 2, tm->tm_hour},       {'M', 2, tm->tm_min},  {'S', 2, tm->tm_sec},
                 {'m', 2, tm->tm_mon + 1},    {'d', 2, tm->tm_mday}, {'y', 2, tm->tm_year % 100},
                 {'Y', 4, tm->tm_year + 1900}};

    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (parts[i].letter == letter) {
            buf_printf(out, "%0*d", parts[i].digits, parts[i].value);
            return;
        }
    buf_char(out, letter);
}

static void letter_write(struct buf *out, char letter, const struct tm *tm)
{
    const char *parts = letter == 'T' ? "HMS" : letter == 'R' ? "HM" : letter == 'D' ? "mdy" : NULL;

    if (!parts)
        time_write(out, letter, tm);
    for (; parts && *parts; parts++)
        time_write(out, *parts, tm);
}

/* The name with the time in it, where it asks for that, and this at its end. */
static void name_write(struct buf *out, const char *name, const char *end, const struct tm *tm)
{
    for (const char *c = name; *c; c++)
        if (*c == '%' && c[1])
            letter_write(out, *++c, tm);
        else
            buf_char(out, *c);
    buf_str(out, end);
}

/* Leaves *ret NULL when there is no name. */
static int name_of(struct scan_outputs *o, size_t n, const char **ret, const char *name,
                   const char *end)
{
    CLEANUP(buf_done) struct buf text = {0};
    struct tm tm;

    *ret = is_stdout(name) ? name : NULL;
    if (!name || is_stdout(name))
        return 0;
    localtime_r(&o->start, &tm);
    name_write(&text, name, end, &tm);
    if (text.failed || text.len >= sizeof o->names[n])
        return text.failed ? -ENOMEM : -ENAMETOOLONG;
    memcpy(o->names[n], text.data, text.len + 1);
    *ret = o->names[n];
    return 0;
}

enum { NAME_TEXT, NAME_XML, NAME_GREP, NAME_JSON, OUTPUT_NAMES };

static int names_make(struct scan_outputs *o, const struct scan_args *a, const char **names)
{
    const char *given[] = {a->text, a->xml, a->grep, a->json};
    static const char *const ends[] = {".nmap", ".xml", ".gnmap"};
    int r = 0;

    for (size_t i = 0; i < ARRAY_LEN(given) && r == 0; i++) {
        bool all = a->all && i < ARRAY_LEN(ends);

        r = name_of(o, i, &names[i], all ? a->all : given[i], all ? ends[i] : "");
    }
    return r;
}

static int add_all(struct scan_outputs *o, const char **names, struct err *e)
{
    static const struct scan_form *const forms[] = {&scan_form_file, &scan_form_xml,
                                                    &scan_form_grep, &scan_form_json};
    bool taken = false;
    int r = 0;

    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        taken |= is_stdout(names[i]);
    r = output_add(o, &scan_form_text, taken ? NULL : "-", e);
    for (size_t i = 0; i < ARRAY_LEN(forms) && r == 0; i++)
        r = output_add(o, forms[i], names[i], e);
    return r;
}

int scan_outputs_open(struct scan_outputs *o, const struct scan_args *a, usec_t start,
                      struct err *e)
{
    const char *names[OUTPUT_NAMES];
    int r;

    o->start = (time_t)(start / USEC_PER_SEC);
    /* Not by lines, also on a terminal: the line of progress is cleared just before a flush. */
    setvbuf(stdout, NULL, _IOFBF, 65536);
    r = names_make(o, a, names);
    if (r < 0)
        return err_set(e, r, "%s",
                       r == -ENOMEM ? "out of memory" : "the name of an output is too long");
    if (a->appending && names[NAME_XML] && !is_stdout(names[NAME_XML]))
        names[NAME_XML] = next_name(o, names[NAME_XML]);
    r = add_all(o, names, e);
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

void scan_outputs_host(struct scan_outputs *o, const struct scan_info *i,
                       const struct host_finding *h)
{
    EACH_FORM(o, host, i, h);
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
