/* Migrations block (migrate.h), and the loops of monitor and core must not; so they run in a
 * process of their own. */
#include "service/role/migrate_role.h"

#include "engine/base/log.h"
#include "service/config/config.h"
#include "service/config/paths.h"
#include "service/privilege/privilege.h"
#include "service/store/embedded.h"
#include "service/store/migrate.h"
#include "service/systemd/journal.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

static void on_applied(void *user, const char *file)
{
    (void)user;
    log_event(LOG_INFO, "the database was migrated", "FILE", file);
}

static void on_notice(void *user, const char *sentence)
{
    (void)user;
    log_event(LOG_NOTICE, "the database remarks on a migration", "NOTICE", sentence);
}

static int conninfo_of(const char *path, char **ret, struct err *e)
{
    CLEANUP(config_freep) struct config *c = NULL;
    int r = config_load(&c, path, e);

    if (r < 0)
        return r;
    log_set_level(c->log_level);
    if (c->database)
        return config_conninfo(ret, c, e);
    *ret = embedded_conninfo_for(c->state_directory);
    return *ret ? 0 : err_set(e, -ENOMEM, "out of memory");
}

static int migrate(const char *config, struct err *e)
{
    const struct privilege_opts drop = {.role = PRIVILEGE_CORE};
    CLEANUP(freep) char *conninfo = NULL;
    char data[PATH_MAX], dir[PATH_MAX + 16];
    struct migrate_opts o = {.dir = dir, .applied = on_applied, .notice = on_notice};
    int r = conninfo_of(config, &conninfo, e);

    if (r == 0)
        r = paths_data(data, e);
    if (r == 0)
        r = privilege_drop(&drop, e);
    if (r < 0)
        return r;
    snprintf(dir, sizeof dir, "%s/migrations", data);
    o.conninfo = conninfo;
    r = migrate_run(&o, NULL, e);
    explicit_bzero(conninfo, strlen(conninfo));
    return r;
}

int role_migrate(const char *config)
{
    struct err e = {0};
    int r;

    prctl(PR_SET_PDEATHSIG, SIGTERM);
    log_set_tag("migrate");
    (void)journal_install("migrate");
    r = migrate(config, &e);
    if (r == -ECONNREFUSED || r == -ETIMEDOUT) {
        log_event(LOG_NOTICE, "the database cannot be migrated now, trying again", "WHY",
                  err_text(&e));
        return MIGRATE_AGAIN;
    }
    if (r < 0)
        log_event(LOG_ERR, "the database cannot be migrated", "EVENT", "database-down", "WHY",
                  err_text(&e));
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
