/* What would be sent.  Reads lines of KIND, ID, TYPE, TIMESTAMP and DATA, separated by tabs; for
 * each prints the URL, the headers, an empty line, the body, and a record separator (0x1e). */
#include "service/alert/kind.h"

#include <stdio.h>
#include <string.h>

#define WORDS 5

static const char template_text[] =
    "{\"subject\": \"{{title}}\", \"severity\": \"{{severity}}\", \"lines\": "
    "[{{#events}}\"{{summary}}: {{old}} -> {{new}} since {{since}} ({{sure}}) {{asset}}\", "
    "{{/events}}\"{{more}}\"]}";

static enum config_kind kind_of(const char *name)
{
    for (size_t i = 0; i < KIND_MAX; i++)
        if (strcmp(config_kinds[i].name, name) == 0)
            return (enum config_kind)i;
    return KIND_MAX;
}

static void print(const struct request *r, const char *url)
{
    printf("%s\nContent-Type: %s\n", r->url.len ? r->url.data : url, r->content_type);
    for (size_t i = 0; i < r->n_headers; i++)
        printf("%s: %s\n", r->headers[i].name, r->headers[i].value);
    printf("\n%s", r->body.data ? r->body.data : "");
}

static int answer(char *line, const struct template *t)
{
    CLEANUP(request_done) struct request r = {0};
    struct kind_config c = {.url = "https://receiver.example.net/path",
                            .token = "t0ken",
                            .topic = "network",
                            .content_type = "application/json",
                            .template = t};
    char *w[WORDS] = {0};
    struct render_event raw;
    struct message m;

    for (size_t i = 0; i < WORDS; i++)
        w[i] = strsep(&line, "\t");
    if (!w[WORDS - 1] || (c.kind = kind_of(w[0])) == KIND_MAX)
        return 2;
    raw = (struct render_event){w[2], w[3], w[4], strlen(w[4])};
    if (message_open(&m, w[1], &raw) < 0)
        return 3;
    if (kind_render(&r, &c, &m, 0) == 0)
        print(&r, c.url);
    putchar('\x1e');
    message_done(&m);
    return 0;
}

int main(void)
{
    CLEANUP(template_freep) struct template *t = NULL;
    CLEANUP(freep) char *line = NULL;
    struct err e = {0};
    size_t size = 0;
    ssize_t n;
    int r = 0;

    if (template_parse(&t, template_text, &e) < 0)
        return 2;
    while (r == 0 && (n = getline(&line, &size, stdin)) > 0) {
        line[n - 1] = '\0';
        r = answer(line, t);
    }
    return r;
}
