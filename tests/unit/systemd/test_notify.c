/* What arrives at the socket that systemd would listen on. */
#include "service/systemd/journal.h"
#include "service/systemd/notify.h"

#include "engine/base/cleanup.h"
#include "tests/support/main.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static int listener;

static int listen_as_systemd(void **state)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    char name[64];
    int n = snprintf(name, sizeof name, "@muster-notify-%d", (int)getpid());

    (void)state;
    listener = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    memcpy(sa.sun_path + 1, name + 1, (size_t)n - 1);
    assert_int_equal(bind(listener, (struct sockaddr *)&sa,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n)),
                     0);
    setenv("NOTIFY_SOCKET", name, 1);
    return 0;
}

static int stop_listening(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    close(listener);
    return 0;
}

static const char *heard(void)
{
    static char text[1024];
    ssize_t n = recv(listener, text, sizeof text - 1, 0);

    text[n < 0 ? 0 : n] = 0;
    return text;
}

static void the_life_of_a_service_is_told(void **state)
{
    (void)state;
    notify_ready("watching 1 zone");
    assert_string_equal(heard(), "READY=1\nSTATUS=watching 1 zone");
    notify_reloading();
    assert_memory_equal(heard(), "RELOADING=1\nMONOTONIC_USEC=", 27);
    notify_extend(5 * USEC_PER_SEC);
    assert_string_equal(heard(), "EXTEND_TIMEOUT_USEC=5000000");
    notify_watchdog();
    assert_string_equal(heard(), "WATCHDOG=1");
    notify_stopping("stopping");
    assert_string_equal(heard(), "STOPPING=1\nSTATUS=stopping");
}

static void the_same_status_is_sent_once(void **state)
{
    (void)state;
    notify_status("a");
    assert_string_equal(heard(), "STATUS=a");
    notify_status("a");
    assert_string_equal(heard(), "");
    notify_status("b");
    assert_string_equal(heard(), "STATUS=b");
    notify_status("");
    heard();
}

/* Words of a database may be anything; and a long one is not sent each second. */
static void a_status_is_one_line_however_long(void **state)
{
    char text[1001] = {0};

    (void)state;
    notify_status("no database: gone\nMAINPID=1\tor\nSTOPPING=1");
    assert_string_equal(heard(), "STATUS=no database: gone MAINPID=1 or STOPPING=1");
    notify_status("Verbindung zur\xfc"
                  "ck, zurück");
    assert_string_equal(heard(), "STATUS=Verbindung zur\\xFCck, zurück"); /* else it is ignored */
    notify_ready("a\nERRNO=5");
    assert_string_equal(heard(), "READY=1\nSTATUS=a ERRNO=5");
    memset(text, 'x', sizeof text - 1);
    notify_status(text);
    assert_memory_equal(heard(), "STATUS=xxx", 10);
    notify_status(text);
    assert_string_equal(heard(), "");
    notify_status("");
    heard();
}

static void the_watchdog_is_fed_twice_as_often_as_asked(void **state)
{
    char pid[16];

    (void)state;
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    assert_int_equal(notify_watchdog_interval(), 0);
    setenv("WATCHDOG_USEC", "30000000", 1);
    setenv("WATCHDOG_PID", pid, 1);
    assert_int_equal(notify_watchdog_interval(), 15 * USEC_PER_SEC);
    setenv("WATCHDOG_PID", "1", 1);
    assert_int_equal(notify_watchdog_interval(), 0);
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

static void without_systemd_nothing_happens(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    notify_ready("x");
    notify_status("y");
    unsetenv("JOURNAL_STREAM");
    assert_false(journal_install("core"));
    setenv("JOURNAL_STREAM", "1:1", 1); /* of another process */
    assert_false(journal_install("core"));
    unsetenv("JOURNAL_STREAM");
}

/* Each id of the source stands in the catalog. */
static void every_event_has_its_catalog_entry(void **state)
{
    static const char *const events[] = {
        "started",     "stopped",     "config-rejected", "config-applied", "database-down",
        "database-up", "worker-died", "worker-hung",     "visit-failed",   "script-failed"};
    FILE *f = fopen(MUSTER_SOURCE_DIR "/systemd/muster.catalog", "r");
    static char text[65536];
    size_t n;

    (void)state;
    assert_non_null(f);
    n = fread(text, 1, sizeof text - 1, f);
    text[n] = 0;
    fclose(f);
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        assert_non_null(journal_message_id(events[i]));
        assert_non_null(strstr(text, journal_message_id(events[i])));
    }
    assert_null(journal_message_id("nothing"));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(the_life_of_a_service_is_told, listen_as_systemd,
                                    stop_listening),
    cmocka_unit_test_setup_teardown(a_status_is_one_line_however_long, listen_as_systemd,
                                    stop_listening),
    cmocka_unit_test_setup_teardown(the_same_status_is_sent_once, listen_as_systemd,
                                    stop_listening),
    cmocka_unit_test(the_watchdog_is_fed_twice_as_often_as_asked),
    cmocka_unit_test(without_systemd_nothing_happens),
    cmocka_unit_test(every_event_has_its_catalog_entry),
};

TEST_MAIN(tests)
