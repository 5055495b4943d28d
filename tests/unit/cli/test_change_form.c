/* Changes as text, JSON, CSV and ndiff. */
#include "service/cli/change_form.h"

#include "tests/support/main.h"

#include <errno.h>
#include <string.h>

#define AT "2026-01-01 06:00:00+00"

static const struct change changes[] = {
    {.at = AT,
     .zone = "lan",
     .address = "192.0.2.7",
     .kind = "host",
     .what = "appeared",
     .new_value = "box 02:00:00:00:00:01",
     .new_json = "{\"state\": \"up\"}"},
    {.at = AT,
     .zone = "lan",
     .address = "192.0.2.8",
     .protocol = "tcp",
     .port = "8080",
     .kind = "port",
     .what = "opened",
     .new_value = "open",
     .service = "http-proxy",
     .new_json = "{}"},
    {.at = AT,
     .zone = "lan",
     .address = "192.0.2.8",
     .protocol = "tcp",
     .port = "80",
     .kind = "script",
     .name = "http-title",
     .what = "changed",
     .old_value = "\n  Old\n more",
     .new_value = "New\x1b[2J",
     .old_json = "1",
     .new_json = "2"},
    {.at = AT,
     .zone = "lan",
     .address = "192.0.2.8",
     .protocol = "tcp",
     .port = "443",
     .kind = "certificate",
     .name = "ssl-cert",
     .what = "changed",
     .old_value = "a",
     .new_value = "=cmd()\"",
     .old_json = "1",
     .new_json = "2"},
    {.at = AT,
     .zone = "lan",
     .address = "192.0.2.8",
     .protocol = "tcp",
     .port = "22",
     .kind = "port",
     .what = "closed",
     .old_value = "open",
     .seen = "2026-01-01 05:59:00+00",
     .old_json = "{}"},
};

static const char text[] =
    "2026-01-01T06:00:00Z host appeared  192.0.2.7: box 02:00:00:00:00:01\n"
    "2026-01-01T06:00:00Z port opened  tcp/8080 on 192.0.2.8 (http-proxy)\n"
    "2026-01-01T06:00:00Z http-title changed  tcp/80 on 192.0.2.8: Old ... -> New\\x1B[2J\n"
    "2026-01-01T06:00:00Z certificate changed  tcp/443 on 192.0.2.8: a -> =cmd()\"\n"
    "2026-01-01T06:00:00Z port closed  tcp/22 on 192.0.2.8 (unknown), last seen "
    "2026-01-01T05:59:00Z\n";

static const char ndiff[] = "+192.0.2.7:\n"
                            "+Host is up.\n"
                            "\n"
                            " 192.0.2.8:\n"
                            "+8080/tcp open http-proxy\n"
                            "-|_http-title 80/tcp: Old ...\n"
                            "+|_http-title 80/tcp: New\\x1B[2J\n"
                            "-|_ssl-cert 443/tcp: a\n"
                            "+|_ssl-cert 443/tcp: =cmd()\"\n"
                            "-22/tcp open unknown\n";

static const char csv_head[] =
    "at,zone,address,protocol,port,kind,name,what,old,new,service,last_seen\r\n"
    "2026-01-01T06:00:00.000Z,lan,192.0.2.7,,,host,,appeared,,box 02:00:00:00:00:01,,\r\n";
static const char csv_formula[] = "a,\"'=cmd()\"\"\",,\r\n";

static void write_all(struct buf *out, enum change_form form)
{
    struct change_writer w = {.form = form};

    for (size_t i = 0; i < ARRAY_LEN(changes); i++)
        change_write(out, &w, &changes[i]);
}

static void text_is_one_safe_line_each(void **state)
{
    CLEANUP(buf_done) struct buf out = {0};

    (void)state;
    write_all(&out, CHANGE_TEXT);
    assert_string_equal(out.data, text);
}

static void ndiff_groups_by_host(void **state)
{
    CLEANUP(buf_done) struct buf out = {0};

    (void)state;
    write_all(&out, CHANGE_NDIFF);
    assert_string_equal(out.data, ndiff);
}

/* The port of an address that is another device's now, and the result that went with a port. */
static void ndiff_ends_what_goes_with_something_else(void **state)
{
    static const struct change gone[] = {
        {.address = "192.0.2.8",
         .protocol = "tcp",
         .port = "22",
         .kind = "port",
         .what = "reassigned",
         .old_value = "open",
         .service = "ssh",
         .old_json = "{}"},
        {.address = "192.0.2.8",
         .protocol = "tcp",
         .port = "22",
         .kind = "script",
         .name = "ssh-hostkey",
         .what = "port closed",
         .old_value = "256 ...",
         .old_json = "1"},
    };
    struct change_writer w = {.form = CHANGE_NDIFF};
    CLEANUP(buf_done) struct buf out = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(gone); i++)
        change_write(&out, &w, &gone[i]);
    assert_string_equal(out.data,
                        " 192.0.2.8:\n-22/tcp open ssh\n-|_ssh-hostkey 22/tcp: 256 ...\n");
}

/* As ndiff does it: what came with a host stands under its head; then what is another device. */
static void ndiff_writes_one_head_for_a_new_host(void **state)
{
    static const struct change news[] = {
        {.address = "192.0.2.7", .kind = "host", .what = "appeared", .new_json = "{}"},
        {.address = "192.0.2.7",
         .protocol = "tcp",
         .port = "22",
         .kind = "port",
         .what = "opened",
         .service = "ssh",
         .new_json = "{}"},
        {.address = "192.0.2.7",
         .protocol = "tcp",
         .port = "22",
         .kind = "port",
         .what = "closed",
         .service = "ssh",
         .old_json = "{}"},
        {.address = "192.0.2.8",
         .protocol = "tcp",
         .port = "22",
         .kind = "port",
         .what = "opened",
         .service = "ssh",
         .new_json = "{}"},
        {.address = "192.0.2.9", .kind = "host", .what = "gone", .old_json = "{}"},
        {.address = "192.0.2.9",
         .protocol = "tcp",
         .port = "22",
         .kind = "port",
         .what = "closed",
         .service = "ssh",
         .old_json = "{}"},
        {.address = "192.0.2.10",
         .kind = "host",
         .what = "replaced",
         .old_value = "02:00:00:00:00:01",
         .new_value = "02:00:00:00:00:02",
         .old_json = "{}",
         .new_json = "{}"},
    };
    struct change_writer w = {.form = CHANGE_NDIFF};
    CLEANUP(buf_done) struct buf out = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(news); i++)
        change_write(&out, &w, &news[i]);
    assert_string_equal(out.data, "+192.0.2.7:\n+Host is up.\n+22/tcp open ssh\n\n"
                                  " 192.0.2.7:\n-22/tcp open ssh\n\n"
                                  " 192.0.2.8:\n+22/tcp open ssh\n\n"
                                  "-192.0.2.9:\n-Host is up.\n-22/tcp open ssh\n\n"
                                  " 192.0.2.10:\n-Device: 02:00:00:00:00:01\n"
                                  "+Device: 02:00:00:00:00:02\n");
}

static void csv_has_a_head_and_no_formulas(void **state)
{
    CLEANUP(buf_done) struct buf out = {0};

    (void)state;
    write_all(&out, CHANGE_CSV);
    assert_memory_equal(out.data, csv_head, strlen(csv_head));
    assert_non_null(strstr(out.data, csv_formula));
}

static void json_has_whole_values(void **state)
{
    CLEANUP(buf_done) struct buf out = {0};
    struct change_writer w = {.form = CHANGE_JSON};

    (void)state;
    change_write(&out, &w, &changes[2]);
    assert_string_equal(out.data,
                        "{\"at\":\"2026-01-01T06:00:00.000Z\",\"zone\":\"lan\",\"address\":"
                        "\"192.0.2.8\",\"protocol\":\"tcp\",\"port\":80,\"kind\":\"script\","
                        "\"name\":\"http-title\",\"what\":\"changed\",\"old\":1,\"new\":2,"
                        "\"service\":null,\"last_seen\":null}\n");
}

static void zones_are_named_where_there_are_several(void **state)
{
    CLEANUP(buf_done) struct buf out = {0};
    struct change_writer w = {.form = CHANGE_TEXT, .many_zones = true};

    (void)state;
    change_write(&out, &w, &changes[1]);
    assert_string_equal(
        out.data, "2026-01-01T06:00:00Z port opened  tcp/8080 on 192.0.2.8 in lan (http-proxy)\n");
}

static void forms_have_names(void **state)
{
    (void)state;
    assert_int_equal(change_form_from("ndiff"), CHANGE_NDIFF);
    assert_int_equal(change_form_from("xml"), -EINVAL);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(text_is_one_safe_line_each),
    cmocka_unit_test(ndiff_groups_by_host),
    cmocka_unit_test(ndiff_ends_what_goes_with_something_else),
    cmocka_unit_test(ndiff_writes_one_head_for_a_new_host),
    cmocka_unit_test(csv_has_a_head_and_no_formulas),
    cmocka_unit_test(json_has_whole_values),
    cmocka_unit_test(zones_are_named_where_there_are_several),
    cmocka_unit_test(forms_have_names),
};

TEST_MAIN(tests)
