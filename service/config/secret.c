/* Secrets by reference: a file that others cannot read, or a credential that systemd put into
 * $CREDENTIALS_DIRECTORY (a ramfs of the unit).  Error texts name the reference and never what is
 * in it. */
#include "engine/base/buf.h"
#include "service/config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define SECRET_MAX 65536

static int secret_path(char path[PATH_MAX], const char *reference, struct err *e)
{
    const char *dir = getenv("CREDENTIALS_DIRECTORY");

    if (strncmp(reference, "file:/", 6) == 0) {
        snprintf(path, PATH_MAX, "%s", reference + 5);
        return 0;
    }
    if (strncmp(reference, "cred:", 5) != 0 || !reference[5] || strchr(reference, '/'))
        return err_set(e, -EINVAL, "'%.100s': expected file:/path or cred:NAME", reference);
    if (!dir)
        return err_set(e, -ENOENT,
                       "'%.100s': there are no credentials here ($CREDENTIALS_DIRECTORY is not "
                       "set); add LoadCredential=%.60s:/path to the unit",
                       reference, reference + 5);
    snprintf(path, PATH_MAX, "%s/%s", dir, reference + 5);
    return 0;
}

int config_secret_read(char **ret, const char *reference, struct err *e)
{
    CLEANUP(closep) int fd = -1;
    char path[PATH_MAX], text[SECRET_MAX + 1];
    struct stat st;
    ssize_t n;
    int r = secret_path(path, reference, e);

    if (r < 0)
        return r;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_set(e, -errno, "'%.100s': %s", reference, strerror(errno));
    if (st.st_mode & (S_IROTH | S_IWOTH | S_IWGRP))
        return err_set(e, -EACCES, "'%.100s': readable by others; expected mode 0640 or stricter",
                       reference);
    n = read(fd, text, sizeof text);
    if (n < 0)
        return err_set(e, -errno, "'%.100s': %s", reference, strerror(errno));
    if (n > SECRET_MAX)
        return err_set(e, -EFBIG, "'%.100s': longer than %d bytes", reference, SECRET_MAX);
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    text[n] = 0;
    *ret = n && !memchr(text, 0, (size_t)n) ? strdup(text) : NULL;
    explicit_bzero(text, sizeof text);
    if (!*ret)
        return err_set(e, -EINVAL, "'%.100s': empty, or not a text", reference);
    return 0;
}

/* libpq takes a URI or key=value pairs, each with its own way of quoting. */
static void add_password(struct buf *text, const char *password, bool uri)
{
    if (!uri)
        buf_str(text, " password='");
    for (const char *p = password; *p; p++) {
        bool plain = (*p >= '0' && *p <= '9') || ((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z');

        if (uri && !plain)
            buf_printf(text, "%%%02X", (unsigned char)*p);
        else if (!uri && (*p == '\'' || *p == '\\'))
            buf_printf(text, "\\%c", *p);
        else
            buf_char(text, *p);
    }
    if (!uri)
        buf_char(text, '\'');
}

int config_conninfo(char **ret, const struct config *c, struct err *e)
{
    bool uri = strstr(c->database, "://") != NULL;
    CLEANUP(freep) char *password = NULL;
    struct buf text = {0};
    int r = 0;

    if (c->database_secret)
        r = config_secret_read(&password, c->database_secret, e);
    if (r < 0)
        return err_add(e, r, "database_secret");
    buf_str(&text, c->database);
    if (password && uri)
        buf_printf(&text, "%spassword=", strchr(c->database, '?') ? "&" : "?");
    if (password) {
        add_password(&text, password, uri);
        explicit_bzero(password, strlen(password));
    }
    *ret = buf_take(&text);
    return *ret ? 0 : err_set(e, -ENOMEM, "out of memory");
}
