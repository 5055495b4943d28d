/* Reading of muster.yaml: tree with lines, check against the schema, libcyaml into structs,
 * compile.
 *
 * The tree is read first because it can say what is wrong and where (document.h); libcyaml then
 * fills struct config from the same bytes.  What libcyaml still refuses is reported in its own
 * words: its log callback gives them. */
#include "service/config/config.h"

#include "engine/base/buf.h"
#include "service/config/compile.h"
#include "service/config/document.h"
#include "service/config/schema.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX_BYTES (4 << 20)

const char *const config_grant_names[CONFIG_GRANTS] = {"brute",    "dos",    "exploit",
                                                       "external", "fuzzer", "intrusive"};

/* Keeps the first line that libcyaml says; the rest is its backtrace. */
static void PRINTF(3, 0) cyaml_said(cyaml_log_t level, void *user, const char *fmt, va_list args)
{
    struct err *first = user;
    char text[ERR_TEXT_MAX];

    (void)level;
    vsnprintf(text, sizeof text, fmt, args);
    text[strcspn(text, "\n")] = 0;
    if (!first->text[0])
        err_set(first, -EINVAL, "%s", text);
}

static cyaml_config_t cyaml_settings(struct err *said)
{
    return (cyaml_config_t){
        .log_fn = cyaml_said,
        .log_ctx = said,
        .mem_fn = cyaml_mem,
        .log_level = CYAML_LOG_ERROR,
        .flags = CYAML_CFG_DEFAULT,
    };
}

static void sets_done(struct config *c)
{
    for (uint32_t i = 0; i < c->n_zones; i++) {
        struct config_zone *z = &c->zones[i];

        addr_set_done(&z->scope);
        addr_set_done(&z->excluded);
        for (uint32_t j = 0; j < z->n_passes; j++)
            free(z->passes[j].port_set);
    }
    for (uint32_t i = 0; i < c->n_endpoints; i++) {
        addr_set_done(&c->endpoints[i].allowed);
        c->endpoints[i].template = template_free(c->endpoints[i].template);
    }
}

static void routes_done(struct config *c)
{
    for (uint32_t i = 0; i < c->n_routes; i++) {
        if (c->routes[i].match)
            free(c->routes[i].match->port_set);
        if (c->routes[i].except)
            free(c->routes[i].except->port_set);
    }
}

struct config *config_free(struct config *c)
{
    cyaml_config_t settings = cyaml_settings(NULL);

    if (!c)
        return NULL;
    settings.log_fn = NULL;
    sets_done(c);
    routes_done(c);
    free(c->path);
    cyaml_free(&settings, &config_schema, c, 0);
    return NULL;
}

void config_freep(struct config **c)
{
    config_free(*c);
}

/* libcyaml into *ret. */
static int config_fill(struct config **ret, const char *data, size_t len, struct problems *p)
{
    struct err said = {0};
    cyaml_config_t settings = cyaml_settings(&said);
    cyaml_err_t r = cyaml_load_data((const uint8_t *)data, len, &settings, &config_schema,
                                    (cyaml_data_t **)ret, NULL);

    if (r == CYAML_ERR_OOM)
        return err_set(p->e, -ENOMEM, "out of memory");
    if (r != CYAML_OK) {
        problem_line(p, 1, "%s", said.text[0] ? said.text : cyaml_strerror(r));
        return -EINVAL;
    }
    return 0;
}

int config_load_data(struct config **ret, const char *path, const char *data, size_t len,
                     config_problem_fn fn, void *user, struct err *e)
{
    struct problems p = {.path = path, .fn = fn, .user = user, .e = e};
    CLEANUP(document_freep) struct document *d = NULL;
    CLEANUP(config_freep) struct config *c = NULL;
    int r = document_parse(&d, data, len, &p);

    if (r < 0)
        return r;
    document_check(d, &config_schema, &p);
    if (p.n)
        return -EINVAL;
    r = config_fill(&c, data, len, &p);
    if (r < 0)
        return r;
    c->path = strdup(path);
    if (!c->path)
        return err_set(e, -ENOMEM, "out of memory");
    r = compile_config(c, d, &p);
    if (r < 0)
        return r;
    if (p.n)
        return -EINVAL;
    *ret = take(&c);
    return 0;
}

int config_read_file(char **ret, size_t *ret_len, const char *path, struct err *e)
{
    CLEANUP(fclosep) FILE *f = fopen(path, "re");
    struct buf text = {.limit = FILE_MAX_BYTES};
    char chunk[16384];
    struct stat st;
    size_t n;

    if (!f || fstat(fileno(f), &st) < 0)
        return err_set(e, -errno, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return err_set(e, -EINVAL, "%s: not a regular file", path);
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
        buf_add(&text, chunk, n);
    if (text.failed || ferror(f)) {
        int r = text.failed ? -EFBIG : -EIO;

        buf_done(&text);
        return err_set(e, r, "%s: %s", path, r == -EFBIG ? "larger than 4 MiB" : "cannot be read");
    }
    *ret_len = text.len;
    *ret = buf_take(&text);
    return *ret ? 0 : err_set(e, -ENOMEM, "out of memory");
}

int config_load(struct config **ret, const char *path, struct err *e)
{
    CLEANUP(freep) char *data = NULL;
    size_t len;
    int r = config_read_file(&data, &len, path, e);

    if (r < 0)
        return r;
    return config_load_data(ret, path, data, len, NULL, NULL, e);
}

int config_find_path(char **ret, const char *given, struct err *e)
{
    static const char *const places[] = {"./var/muster.yaml", "/etc/muster/muster.yaml"};
    const char *found = given ? given : getenv("MUSTER_CONFIG");

    for (size_t i = 0; !found && i < ARRAY_LEN(places); i++)
        if (access(places[i], F_OK) == 0)
            found = places[i];
    if (!found)
        return err_set(e, -ENOENT,
                       "no configuration: neither %s nor %s is there; name one with --config FILE "
                       "or $MUSTER_CONFIG",
                       places[0], places[1]);
    *ret = strdup(found);
    return *ret ? 0 : err_set(e, -ENOMEM, "out of memory");
}

const struct config_zone *config_zone_find(const struct config *c, const char *name)
{
    for (uint32_t i = 0; i < c->n_zones; i++)
        if (strcmp(c->zones[i].name, name) == 0)
            return &c->zones[i];
    return NULL;
}

const char *config_pass_kind_name(enum config_pass_kind k)
{
    static const char *const names[PASS_KIND_MAX] = {"presence", "ports", "services", "scripts"};

    return k < PASS_KIND_MAX ? names[k] : "unknown";
}

/* " and not (brute or dos or ...)": what the zone does not grant, and what is left out besides. */
static char *exclusion(const struct config_zone *z, const struct config_without *w)
{
    struct buf text = {0};

    for (unsigned i = 0; i < CONFIG_GRANTS; i++)
        if (!(z->grants & (1U << i)))
            buf_printf(&text, "%s%s", text.len ? " or " : " and not (", config_grant_names[i]);
    for (size_t i = 0; w && i < w->n; i++)
        buf_printf(&text, "%s%s", text.len ? " or " : " and not (", w->scripts[i]);
    if (text.len)
        buf_char(&text, ')');
    return buf_take(&text);
}

/* A list is one expression after the other, as nmap splits it: the exclusion belongs to each.  "+"
 * in front stays there. */
int config_script_expression(char **ret, const struct config_zone *z, const struct config_pass *p,
                             const struct config_without *without)
{
    CLEANUP(freep) char *excluded = exclusion(z, without);
    const char *part = p->scripts;
    struct buf text = {0};

    if (!excluded)
        return -ENOMEM;
    while (*part) {
        size_t len = strcspn(part, ","), skip = strspn(part, " ");
        bool force = skip < len && part[skip] == '+';

        skip += force;
        if (skip < len)
            buf_printf(&text, "%s%s(%.*s)%s", text.len ? "," : "", force ? "+" : "",
                       (int)(len - skip), part + skip, excluded);
        part += len + (part[len] == ',');
    }
    *ret = buf_take(&text);
    return *ret ? 0 : -ENOMEM;
}
