/* The hosts of a connection string take turns, each with its own port. */
#include "service/store/db_hosts.h"

#include "tests/support/main.h"

#include <string.h>

static void is(const struct db_hosts *h, const char *host, const char *hostaddr, const char *port)
{
    const char *want[] = {host, hostaddr, port}, *keys[DB_HOSTS_KEYS], *values[DB_HOSTS_KEYS];

    db_hosts_params(h, keys, values);
    assert_string_equal(keys[0], "host");
    assert_string_equal(keys[1], "hostaddr");
    assert_string_equal(keys[2], "port");
    for (size_t i = 0; i < DB_HOSTS_KEYS; i++) {
        assert_int_equal(values[i] == NULL, want[i] == NULL);
        if (want[i])
            assert_string_equal(values[i], want[i]);
    }
}

static void hosts_take_turns_with_their_ports(void **state)
{
    struct db_hosts h;

    (void)state;
    assert_int_equal(db_hosts_read(&h, "host=a.example,b,/run/c port=5432,,7 dbname=x,y"), 0);
    assert_int_equal(db_hosts_count(&h), 3);
    is(&h, "a.example,b,/run/c", NULL, "5432,,7");
    assert_int_equal(db_hosts_rotate(&h), 0);
    is(&h, "b,/run/c,a.example", NULL, ",7,5432");
    assert_int_equal(db_hosts_rotate(&h), 0);
    is(&h, "/run/c,a.example,b", NULL, "7,5432,");
    assert_int_equal(db_hosts_rotate(&h), 0);
    is(&h, "a.example,b,/run/c", NULL, "5432,,7");
    db_hosts_done(&h);
}

static void one_port_is_that_of_all(void **state)
{
    struct db_hosts h;

    (void)state;
    assert_int_equal(db_hosts_read(&h, "postgresql://a,b/x?hostaddr=192.0.2.1,192.0.2.2&port=7"),
                     0);
    assert_int_equal(db_hosts_count(&h), 2);
    assert_int_equal(db_hosts_rotate(&h), 0);
    is(&h, "b,a", "192.0.2.2,192.0.2.1", NULL);
    db_hosts_done(&h);
}

static void one_host_has_no_turns(void **state)
{
    struct db_hosts h;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(db_hosts_read(&h, i ? "no such = string" : "host=/run dbname=x"), 0);
        assert_int_equal(db_hosts_count(&h), 1);
        assert_int_equal(db_hosts_rotate(&h), 0);
        is(&h, NULL, NULL, NULL);
        db_hosts_done(&h);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(hosts_take_turns_with_their_ports),
    cmocka_unit_test(one_port_is_that_of_all),
    cmocka_unit_test(one_host_has_no_turns),
};
TEST_MAIN(tests)
