/* `muster import`: what files of nmap's XML tell, for those who have years of them.
 *
 * Every file is read before anything is written: one that is no XML of nmap's, or is cut, stops the
 * command while nothing has happened yet.  Then the newest goes first: of each host the inventory
 * takes what the newest file tells that has it, and an older one adds what is not known since.
 * Several files are read twice, as years of them need not fit into memory. */
#include "service/cli/db.h"
#include "service/cli/verb_db.h"

#include "engine/base/time.h"
#include "service/import/nmap_xml.h"
#include "service/store/import.h"

#include <errno.h>
#include <string.h>
#include <time.h>

struct file {
    const char *path;
    usec_t started;
    struct nmap_run *run; /* of standard input, which cannot be read twice, and of a single file */
};

static bool is_stdin(const char *path)
{
    return strcmp(path, "-") == 0;
}

static const char *file_name(const char *path)
{
    return is_stdin(path) ? "standard input" : path;
}

static int feed(struct nmap_xml *xml, FILE *f, const char *name, struct err *e)
{
    char chunk[65536];
    size_t n;
    int r = 0;

    while (r == 0 && (n = fread(chunk, 1, sizeof chunk, f)) > 0)
        r = nmap_xml_feed(xml, chunk, n, e);
    if (r == 0 && ferror(f))
        r = err_set(e, -EIO, "%s: %s", name, strerror(errno));
    return r;
}

static int file_read(const char *path, struct nmap_run **ret, struct err *e)
{
    const char *name = file_name(path);
    CLEANUP(nmap_xml_freep) struct nmap_xml *xml = NULL;
    CLEANUP(fclosep) FILE *opened = is_stdin(path) ? NULL : fopen(path, "re");
    FILE *f = is_stdin(path) ? stdin : opened;
    int r;

    if (!f)
        return err_set(e, -errno, "%s: %s", path, strerror(errno));
    r = nmap_xml_open(&xml, name, e);
    if (r == 0)
        r = feed(xml, f, name, e);
    return r == 0 ? nmap_xml_close(xml, ret, e) : r;
}

static void files_done(struct file *files, size_t n)
{
    for (size_t i = 0; files && i < n; i++)
        nmap_run_free(files[i].run);
    free(files);
}

static int newest_first(const void *a, const void *b)
{
    const struct file *x = a, *y = b;

    return (x->started < y->started) - (x->started > y->started);
}

static usec_t wall(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (usec_t)now.tv_sec * USEC_PER_SEC + (usec_t)now.tv_nsec / 1000;
}

static int file_check(struct file *f, struct err *e)
{
    int r = file_read(f->path, &f->run, e);

    if (r < 0)
        return r;
    r = nmap_run_times(f->run, wall(), e);
    if (r < 0)
        return err_add(e, r, "%s", file_name(f->path));
    f->started = f->run->started;
    return 0;
}

static int files_check(struct file *files, const struct option_list *paths, struct err *e)
{
    for (size_t i = 0; i < paths->n; i++) {
        struct file *f = &files[i];
        int r;

        f->path = paths->values[i];
        r = file_check(f, e);
        if (r < 0)
            return r;
        if (paths->n > 1 && !is_stdin(f->path))
            f->run = nmap_run_free(f->run);
    }
    qsort(files, paths->n, sizeof *files, newest_first);
    return 0;
}

static int run_store(struct store_import *to, const struct nmap_run *run,
                     struct store_import_counts *c, struct err *e)
{
    CLEANUP(freep) struct store_host *hosts = calloc(run->n_hosts + 1, sizeof *hosts);

    if (!hosts)
        return err_set(e, -ENOMEM, "out of memory");
    for (size_t i = 0; i < run->n_hosts; i++) {
        const struct nmap_host *h = &run->hosts[i];

        hosts[i] = (struct store_host){.finding = h->finding,
                                       .ports = h->ports,
                                       .n_ports = h->n_ports,
                                       .results = h->results,
                                       .n_results = h->n_results};
        hosts[i].finding.time = nmap_run_seen(run, h);
    }
    return store_import(to, hosts, run->n_hosts, c, e);
}

static void count_text(struct buf *out, const char *before, unsigned n, const char *one,
                       const char *many)
{
    if (n)
        buf_printf(out, "%s%u %s", before, n, n == 1 ? one : many);
}

static void print_text(const char *name, const char *zone, usec_t started,
                       const struct store_import_counts *c)
{
    CLEANUP(buf_done) struct buf out = {0};
    CLEANUP(buf_done) struct buf place = {0};
    char time[TIME_TEXT_MAX];

    buf_printf(&place, "in no network of zone %s", zone);
    buf_printf(&out, "%s of %s: %u host%s up, %u new, %u fact%s added", name,
               time_format(started, time), c->hosts, c->hosts == 1 ? "" : "s", c->new_hosts,
               c->opened, c->opened == 1 ? "" : "s");
    count_text(&out, "; ", c->same, "fact known", "facts known");
    count_text(&out, "; ", c->differ, "fact differs and stays as it is known",
               "facts differ and stay as they are known");
    count_text(&out, "; ", c->older, "host was looked at since", "hosts were looked at since");
    count_text(&out, "; ", c->other, "address has another MAC address now",
               "addresses have another MAC address now");
    count_text(&out, "; left out: ", c->outside, "host", "hosts");
    if (c->outside)
        buf_printf(&out, " %s", place.data ? place.data : "");
    buf_char(&out, '\n');
    cli_print(&out);
}

static void print_json(const char *name, const char *zone, usec_t started,
                       const struct store_import_counts *c)
{
    CLEANUP(buf_done) struct buf out = {0};
    char time[TIME_TEXT_MAX];

    buf_str(&out, "{\"file\":");
    json_string(&out, name, strlen(name));
    buf_str(&out, ",\"zone\":");
    json_string(&out, zone, strlen(zone));
    buf_printf(&out,
               ",\"time\":\"%s\",\"hosts\":%u,\"new_hosts\":%u,\"added\":%u,\"known\":%u,"
               "\"differ\":%u,\"looked_at_since\":%u,\"other_mac\":%u,\"outside\":%u}\n",
               time_format(started, time), c->hosts, c->new_hosts, c->opened, c->same, c->differ,
               c->older, c->other, c->outside);
    cli_print(&out);
}

static int file_import(struct store_import *to, struct file *f, bool json, struct err *e)
{
    const char *name = file_name(f->path);
    struct store_import_counts c = {0};
    int r = f->run ? 0 : file_read(f->path, &f->run, e);

    if (r < 0)
        return r;
    r = run_store(to, f->run, &c, e);
    f->run = nmap_run_free(f->run);
    if (r < 0)
        return err_add(e, r, "%s: not imported", name);
    (json ? print_json : print_text)(name, store_import_zone(to), f->started, &c);
    return 0;
}

static int import(struct cli_db *x, const struct db_args *a, struct file *files, size_t n,
                  struct err *e)
{
    CLEANUP(store_import_freep) struct store_import *to = NULL;
    int r = cli_db_open(x, a, CLI_DB_WRITE, e);

    if (r == 0) {
        r = store_import_open(&to, x->db, a->zone, e);
        if (r < 0)
            cli_explain(x, e);
    }
    for (size_t i = 0; r == 0 && i < n; i++)
        r = file_import(to, &files[i], a->json, e);
    return r;
}

int verb_import(struct verb_call *c)
{
    size_t n = c->operands.n;
    struct file *files = calloc(n, sizeof *files);
    struct cli_db x = {0};
    struct err e = {0};
    int r = files ? files_check(files, &c->operands, &e) : err_set(&e, -ENOMEM, "out of memory");

    if (r == 0)
        r = import(&x, c->args, files, n, &e);
    cli_db_done(&x);
    files_done(files, n);
    return r < 0 ? verb_fail(c, &e) : EXIT_NOTHING;
}
