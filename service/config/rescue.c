/* Where the database is, from a file that has faults.
 *
 * The lines that say so are taken out and read as a file of their own.  It is guessed at nothing: a
 * file that writes those keys in another way than one a line, at its beginning, is not rescued,
 * because the default would be another inventory. */
#include "service/config/config.h"

#include "engine/base/buf.h"

#include <errno.h>
#include <string.h>

/* What every configuration has by itself, so that the rest is one even where nothing was said. */
#define REST "log_level: info\n"

static bool is_wanted(const char *word, size_t len)
{
    static const char *const keys[] = {"database", "database_secret", "state_directory"};

    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (len == strlen(keys[i]) && memcmp(word, keys[i], len) == 0)
            return true;
    return false;
}

static size_t line_len(const char *line)
{
    size_t n = strcspn(line, "\n");

    return n + (line[n] == '\n');
}

/* A value may go on in the next line, when that is indented. */
static bool goes_on(const char *next)
{
    size_t indent = strspn(next, " \t");

    return indent && !strchr("\r\n#", next[indent]);
}

/* Adds a line that has one of the keys.  False: one that may have it, in another way. */
static bool line_take(struct buf *out, const char *line, size_t len)
{
    const char *word = line + strspn(line, " \t\"'?{,-\xef\xbb\xbf"); /* and a byte order mark */
    size_t n = strcspn(word, " \t\"':\n"), skipped = (size_t)(word - line);

    if (line[strspn(line, " \t")] == '{') /* the whole of it, perhaps */
        return false;
    if (!is_wanted(word, n))
        return true;
    if (skipped || word[n] != ':' || goes_on(line + len))
        return false;
    buf_add(out, line, len);
    return true;
}

/* Whether there are lines, or more of the file, behind something else than '\n'. */
static bool has_other_ends(const char *data, size_t len)
{
    static const char *const breaks[] = {"\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9"}; /* YAML's */

    for (size_t i = 0; i < ARRAY_LEN(breaks); i++)
        if (strstr(data, breaks[i]))
            return true;
    for (const char *c = strchr(data, '\r'); c; c = strchr(c + 1, '\r'))
        if (c[1] != '\n')
            return true;
    return strlen(data) != len;
}

int config_rescue(struct config **ret, const char *path)
{
    CLEANUP(buf_done) struct buf rest = {0};
    CLEANUP(freep) char *data = NULL;
    struct err e = {0};
    size_t len;
    int r = config_read_file(&data, &len, path, &e);

    if (r < 0)
        return r;
    if (has_other_ends(data, len))
        return -EINVAL;
    for (const char *line = data; *line; line += line_len(line))
        if (!line_take(&rest, line, line_len(line)))
            return -EINVAL;
    buf_str(&rest, rest.len && rest.data[rest.len - 1] != '\n' ? "\n" REST : REST);
    return rest.failed ? -ENOMEM : config_load_data(ret, path, rest.data, rest.len, NULL, NULL, &e);
}
