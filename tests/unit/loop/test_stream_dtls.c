/* DTLS over streams, against an OpenSSL server in the same process that asks for a cookie. */
#include "engine/loop/guard.h"
#include "tests/unit/loop/peer.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/time.h>

static struct outcome done, got;

struct server {
    SSL_CTX *ctx;
    SSL *ssl; /* NULL: nobody has come yet */
    int fd;
    uint16_t port;
    unsigned ignore; /* datagrams that it does not see */
    unsigned n_cookies;
};

/* OpenSSL's clock, which is not the loop's: this definition comes before the C library's.  It too
 * moves only when the test says so. */
static usec_t openssl_clock = 1000000 * USEC_PER_SEC;

int gettimeofday(struct timeval *tv, void *zone);
int gettimeofday(struct timeval *tv, void *zone)
{
    (void)zone;
    tv->tv_sec = (time_t)(openssl_clock / USEC_PER_SEC);
    tv->tv_usec = (suseconds_t)(openssl_clock % USEC_PER_SEC);
    return 0;
}

/* For both, hand in hand. */
static void time_passes(struct loop *l, usec_t by)
{
    const usec_t step = USEC_PER_SEC / 10;

    do {
        openssl_clock += by < step ? by : step;
        loop_fake_advance(l, by < step ? by : step);
        by -= by < step ? by : step;
    } while (by > 0);
}

static int setup(void **state)
{
    (void)state;
    outcome_reset(&done);
    outcome_reset(&got);
    return 0;
}

/* ---- the server ---- */

static X509 *self_signed(EVP_PKEY *key)
{
    X509 *x = X509_new();
    X509_NAME *name = X509_get_subject_name(x);

    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"sensor", -1, -1,
                               0);
    X509_set_issuer_name(x, name);
    X509_set_pubkey(x, key);
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    return x;
}

static int cookie_make(SSL *ssl, unsigned char *cookie, unsigned *len)
{
    struct server *s = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    s->n_cookies++;
    memcpy(cookie, "crumbs", 6);
    *len = 6;
    return 1;
}

static int cookie_check(SSL *ssl, const unsigned char *cookie, unsigned len)
{
    (void)ssl;
    return len == 6 && memcmp(cookie, "crumbs", 6) == 0;
}

static int udp_socket(uint16_t *ret_port)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof sin;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof sin), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
    *ret_port = ntohs(sin.sin_port);
    return fd;
}

enum certificate { CERTIFIED, BARE };

static void server_open(struct server *s, int version, enum certificate certificate)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = self_signed(key);

    *s = (struct server){.ctx = SSL_CTX_new(DTLS_server_method())};
    s->fd = udp_socket(&s->port);
    if (certificate == CERTIFIED) {
        assert_int_equal(SSL_CTX_use_certificate(s->ctx, cert), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(s->ctx, key), 1);
    }
    X509_free(cert);
    EVP_PKEY_free(key);
    SSL_CTX_set_app_data(s->ctx, s);
    SSL_CTX_set_options(s->ctx, SSL_OP_COOKIE_EXCHANGE);
    SSL_CTX_set_cookie_generate_cb(s->ctx, cookie_make);
    SSL_CTX_set_cookie_verify_cb(s->ctx, cookie_check);
    SSL_CTX_set_security_level(s->ctx, 0);
    SSL_CTX_set_min_proto_version(s->ctx, version);
    SSL_CTX_set_max_proto_version(s->ctx, version);
}

static void server_close(struct server *s)
{
    SSL_free(s->ssl);
    SSL_CTX_free(s->ctx);
    close(s->fd);
}

/* Belongs to whom the first datagram that is not ignored comes from. */
static void server_meet(struct server *s)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    BIO *bio;
    char b[1];

    if (recvfrom(s->fd, b, 1, s->ignore ? 0 : MSG_PEEK, (struct sockaddr *)&sa, &len) < 0)
        return;
    if (s->ignore) {
        s->ignore--;
        return;
    }
    assert_int_equal(connect(s->fd, (struct sockaddr *)&sa, len), 0);
    s->ssl = SSL_new(s->ctx);
    bio = BIO_new_dgram(s->fd, BIO_NOCLOSE);
    SSL_set_bio(s->ssl, bio, bio);
    SSL_set_accept_state(s->ssl);
}

static void server_work(struct server *s)
{
    if (!s->ssl)
        server_meet(s);
    ERR_clear_error();
    if (s->ssl)
        SSL_do_handshake(s->ssl);
}

static void pump(struct loop *l, struct server *s, const struct outcome *o)
{
    for (int i = 0; i < TURNS && o->calls == 0; i++) {
        server_work(s);
        assert_true(loop_turn(l, PATIENCE / TURNS) >= 0);
    }
    assert_int_equal(o->calls, 1);
}

static const struct stream_tls_opts probe = {.profile = STREAM_TLS_PROBE};

static struct stream *dtls_make(struct loop *l, struct guard *g)
{
    struct stream *s = NULL;

    assert_int_equal(stream_new_dtls(&s, l, g), 0);
    return s;
}

/* A stream whose handshake is under way. */
static struct stream *started(struct loop *l, struct guard *g, uint16_t port, usec_t timeout)
{
    struct addr to = localhost();
    struct stream *s = dtls_make(l, g);

    assert_int_equal(stream_connect(s, &to, port, NULL, 0, timeout, on_done, &done), 0);
    assert_int_equal(done.calls, 0);
    wait_done(l, &done);
    assert_int_equal(done.status, 0);
    outcome_reset(&done);
    assert_int_equal(stream_start_tls(s, &probe, timeout, on_done, &done), 0);
    assert_int_equal(done.calls, 0);
    return s;
}

static struct stream *secured(struct loop *l, struct server *srv)
{
    struct stream *s = started(l, NULL, srv->port, PATIENCE);

    pump(l, srv, &done);
    assert_int_equal(done.status, 0);
    outcome_reset(&done);
    return s;
}

static void expect(struct loop *l, struct stream *s, const char *want)
{
    outcome_reset(&got);
    assert_int_equal(stream_recv(s, 65536, PATIENCE, on_data, &got), 0);
    wait_done(l, &got);
    assert_int_equal(got.status, strlen(want));
    assert_string_equal(got.data, want);
}

static unsigned datagrams(int fd)
{
    static char b[2000];
    unsigned n = 0;

    while (recv(fd, b, sizeof b, 0) > 0)
        n++;
    return n;
}

/* The stream's own socket. */
static int socket_to(uint16_t port)
{
    for (int fd = 3; fd < 1024; fd++) {
        struct sockaddr_in sin;
        socklen_t len = sizeof sin;

        if (getpeername(fd, (struct sockaddr *)&sin, &len) == 0 && ntohs(sin.sin_port) == port)
            return fd;
    }
    fail_msg("no socket is connected to port %u", port);
    return -1;
}

/* ---- the tests ---- */

static void records_go_both_ways_one_at_a_time(void **state)
{
    struct loop *l = loop_make();
    struct server srv;
    struct stream *s;
    char buf[16] = "";
    X509 *peer;

    (void)state;
    server_open(&srv, DTLS1_2_VERSION, CERTIFIED);
    s = secured(l, &srv);
    assert_int_equal(srv.n_cookies, 1);
    assert_null(SSL_get_servername(srv.ssl, TLSEXT_NAMETYPE_host_name));
    peer = SSL_get1_peer_certificate(stream_ssl(s));
    assert_non_null(peer);
    X509_free(peer);
    assert_int_equal(stream_send(s, "hello", 5, PATIENCE, on_done, &done), 0);
    wait_done(l, &done);
    assert_int_equal(done.status, 0);
    assert_int_equal(SSL_read(srv.ssl, buf, sizeof buf), 5);
    assert_string_equal(buf, "hello");
    assert_int_equal(SSL_write(srv.ssl, "one", 3), 3);
    assert_int_equal(send(srv.fd, "", 0, 0), 0); /* an empty datagram is no end */
    assert_int_equal(SSL_write(srv.ssl, "two", 3), 3);
    expect(l, s, "one");
    expect(l, s, "two");
    stream_free(s);
    assert_int_equal(SSL_read(srv.ssl, buf, sizeof buf), 0); /* close_notify came */
    assert_int_equal(SSL_get_error(srv.ssl, 0), SSL_ERROR_ZERO_RETURN);
    server_close(&srv);
    loop_free(l);
}

static void both_versions_are_spoken(void **state)
{
    static const int versions[] = {DTLS1_VERSION, DTLS1_2_VERSION};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        struct loop *l = loop_make();
        struct server srv;
        struct stream *s;

        server_open(&srv, versions[i], CERTIFIED);
        s = secured(l, &srv);
        assert_int_equal(SSL_version(stream_ssl(s)), versions[i]);
        stream_free(s);
        server_close(&srv);
        loop_free(l);
    }
}

static void a_record_may_be_as_large_as_records_are(void **state)
{
    static char big[16385], there[16385];
    struct loop *l = loop_make();
    struct server srv;
    struct stream *s;

    (void)state;
    server_open(&srv, DTLS1_2_VERSION, CERTIFIED);
    s = secured(l, &srv);
    memset(big, 'x', sizeof big);
    assert_int_equal(stream_send(s, big, 16385, PATIENCE, on_done, &done), -EMSGSIZE);
    assert_int_equal(stream_send(s, big, 16384, PATIENCE, on_done, &done), 0);
    wait_done(l, &done);
    assert_int_equal(done.status, 0);
    assert_int_equal(SSL_read(srv.ssl, there, sizeof there), 16384);
    assert_memory_equal(big, there, 16384);
    assert_int_equal(SSL_write(srv.ssl, big, 16384), 16384);
    assert_int_equal(stream_recv(s, 10000, PATIENCE, on_data, &got), 0);
    wait_done(l, &got);
    assert_int_equal(got.status, 10000);
    outcome_reset(&got);
    assert_int_equal(stream_recv(s, 10000, PATIENCE, on_data, &got), 0); /* the rest of it */
    wait_done(l, &got);
    assert_int_equal(got.status, 6384);
    stream_free(s);
    server_close(&srv);
    loop_free(l);
}

static void nothing_goes_in_the_clear_and_no_certificate_is_checked(void **state)
{
    struct stream_tls_opts verify = {.profile = STREAM_TLS_VERIFY, .server_name = "sensor"};
    struct loop *l = loop_make();
    struct addr to = localhost();
    struct stream *s = dtls_make(l, NULL);
    uint16_t port;
    int fd = udp_socket(&port);

    (void)state;
    assert_int_equal(stream_connect(s, &to, port, NULL, 0, PATIENCE, on_done, &done), 0);
    wait_done(l, &done);
    assert_int_equal(done.status, 0);
    assert_int_equal(stream_send(s, "x", 1, PATIENCE, on_done, &done), -ENOTCONN);
    assert_int_equal(stream_recv(s, 1, PATIENCE, on_data, &got), -ENOTCONN);
    assert_int_equal(stream_start_tls(s, &verify, PATIENCE, on_done, &done), -EINVAL);
    assert_true(recv(fd, got.data, 1, 0) < 0); /* connecting sends nothing */
    stream_free(s);
    close(fd);
    loop_free(l);
}

static void flights_that_are_lost_go_out_again_after_one_and_three_seconds(void **state)
{
    struct loop *l = loop_make();
    struct server srv;
    struct stream *s;

    (void)state;
    server_open(&srv, DTLS1_2_VERSION, CERTIFIED);
    srv.ignore = 2;
    loop_fake_clock(l, 0);
    s = started(l, NULL, srv.port, PATIENCE);
    time_passes(l, 0);
    for (int i = 0; i < 3; i++)
        server_work(&srv);
    assert_int_equal(srv.ignore, 1);
    time_passes(l, USEC_PER_SEC);
    server_work(&srv);
    assert_int_equal(srv.ignore, 0);
    time_passes(l, 19 * USEC_PER_SEC / 10);
    server_work(&srv);
    assert_null(srv.ssl);
    time_passes(l, USEC_PER_SEC / 10);
    server_work(&srv);
    assert_non_null(srv.ssl);
    pump(l, &srv, &done);
    assert_int_equal(done.status, 0);
    time_passes(l, 100 * USEC_PER_SEC); /* nothing is left that would fire */
    expect_once(l, &done);
    stream_free(s);
    server_close(&srv);
    loop_free(l);
}

/* The last flight of either side. */
static void a_flight_is_lost_in_the_middle(void **state)
{
    struct loop *l = loop_make();
    struct server srv;
    struct stream *s;
    char byte;

    (void)state;
    server_open(&srv, DTLS1_2_VERSION, CERTIFIED);
    loop_fake_clock(l, 0);
    s = started(l, NULL, srv.port, PATIENCE);
    for (int i = 0; i < 2; i++) { /* hello, and hello with the cookie */
        time_passes(l, 0);
        server_work(&srv);
    }
    time_passes(l, 0);
    assert_true(datagrams(srv.fd) > 0);
    time_passes(l, USEC_PER_SEC);
    server_work(&srv);
    assert_true(SSL_is_init_finished(srv.ssl));
    assert_true(datagrams(socket_to(srv.port)) > 0);
    time_passes(l, 2 * USEC_PER_SEC);
    assert_int_equal(done.calls, 0);
    assert_true(SSL_read(srv.ssl, &byte, 1) < 0);
    time_passes(l, 0);
    assert_int_equal(done.calls, 1);
    assert_int_equal(done.status, 0);
    assert_int_equal(SSL_write(srv.ssl, "x", 1), 1);
    expect(l, s, "x");
    stream_free(s);
    server_close(&srv);
    loop_free(l);
}

static void a_silent_peer_times_the_handshake_out(void **state)
{
    struct loop *l = loop_make();
    struct stream *s;
    uint16_t port;
    int fd = udp_socket(&port);

    (void)state;
    loop_fake_clock(l, 0);
    s = started(l, NULL, port, 10 * USEC_PER_SEC);
    assert_int_equal(stream_recv(s, 1, PATIENCE, on_data, &got), -EBUSY);
    time_passes(l, 99 * USEC_PER_SEC / 10);
    assert_int_equal(done.calls, 0);
    time_passes(l, USEC_PER_SEC);
    assert_int_equal(done.calls, 1);
    assert_int_equal(done.status, -ETIMEDOUT);
    assert_int_equal(datagrams(fd), 4); /* at 0, 1, 3 and 7 s */
    assert_false(stream_connected(s));
    time_passes(l, 100 * USEC_PER_SEC);
    assert_int_equal(datagrams(fd), 0);
    stream_free(s);
    close(fd);
    loop_free(l);
}

static void who_waits_without_end_gives_up_after_twelve_flights_more(void **state)
{
    struct loop *l = loop_make();
    struct stream *s;
    uint16_t port;
    int fd = udp_socket(&port);

    (void)state;
    loop_fake_clock(l, 0);
    s = started(l, NULL, port, USEC_INFINITY);
    for (int i = 0; i < 2000 && done.calls == 0; i++)
        time_passes(l, USEC_PER_SEC);
    assert_int_equal(done.status, -EPROTO);
    assert_string_equal(stream_error_text(s), "TLS: read timeout expired");
    assert_int_equal(datagrams(fd), 13);
    stream_free(s);
    close(fd);
    loop_free(l);
}

/* Garbage is dropped (RFC 6347, 4.1.2.7), and a flood of it does not hold up the loop. */
static void garbage_is_no_answer(void **state)
{
    struct loop *l = loop_make();
    struct server srv;
    struct stream *s;
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    char b[1];

    (void)state;
    server_open(&srv, DTLS1_2_VERSION, CERTIFIED);
    s = started(l, NULL, srv.port, PATIENCE);
    while (recvfrom(srv.fd, b, 1, MSG_PEEK, (struct sockaddr *)&sa, &len) < 0)
        assert_true(loop_turn(l, 0) >= 0);
    for (int i = 0; i < 200; i++)
        assert_int_equal(sendto(srv.fd, "garbage", 7, 0, (struct sockaddr *)&sa, len), 7);
    assert_true(loop_turn(l, PATIENCE) >= 0);
    assert_true(stream_bytes_in(s) > 0 && stream_bytes_in(s) < 200 * 7);
    pump(l, &srv, &done);
    assert_int_equal(done.status, 0);
    stream_free(s);
    server_close(&srv);
    loop_free(l);
}

static void an_alert_ends_the_handshake_with_its_reason(void **state)
{
    struct loop *l = loop_make();
    struct server srv;
    struct stream *s;

    (void)state;
    server_open(&srv, DTLS1_2_VERSION, BARE);
    SSL_CTX_set_cipher_list(srv.ctx, "ECDHE-ECDSA-AES128-GCM-SHA256");
    s = started(l, NULL, srv.port, PATIENCE);
    pump(l, &srv, &done);
    assert_int_equal(done.status, -EPROTO);
    assert_non_null(strstr(stream_error_text(s), "handshake failure"));
    assert_false(stream_connected(s));
    assert_null(stream_ssl(s));
    stream_free(s);
    server_close(&srv);
    loop_free(l);
}

static void a_closed_port_refuses(void **state)
{
    struct loop *l = loop_make();
    struct stream *s;
    uint16_t port;

    (void)state;
    close(udp_socket(&port));
    s = started(l, NULL, port, PATIENCE);
    wait_done(l, &done);
    assert_int_equal(done.status, -ECONNREFUSED);
    stream_free(s);
    loop_free(l);
}

/* The news of the refusal comes with the flight that goes out again. */
static void a_port_that_closes_refuses_what_goes_out_again(void **state)
{
    struct loop *l = loop_make();
    struct stream *s;
    uint16_t port;
    int fd = udp_socket(&port);

    (void)state;
    loop_fake_clock(l, 0);
    s = started(l, NULL, port, PATIENCE);
    time_passes(l, 0);
    close(fd);
    time_passes(l, 3 * USEC_PER_SEC);
    assert_int_equal(done.calls, 1);
    assert_int_equal(done.status, -ECONNREFUSED);
    stream_free(s);
    loop_free(l);
}

static void a_flight_that_cannot_go_out_again_ends_the_handshake(void **state)
{
    struct loop *l = loop_make();
    struct stream *s;
    uint16_t port;
    int fd = udp_socket(&port);

    (void)state;
    loop_fake_clock(l, 0);
    s = started(l, NULL, port, PATIENCE);
    time_passes(l, 0);
    assert_int_equal(shutdown(socket_to(port), SHUT_WR), 0);
    time_passes(l, 11 * USEC_PER_SEC / 10);
    assert_int_equal(done.calls, 1);
    assert_int_equal(done.status, -EPIPE);
    stream_free(s);
    close(fd);
    loop_free(l);
}

static void a_port_that_another_has_is_not_shared(void **state)
{
    struct loop *l = loop_make();
    struct stream *s = dtls_make(l, NULL);
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct addr a = localhost();
    uint16_t port;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    (void)state;
    close(udp_socket(&port));
    sin.sin_port = htons(port);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof sin), 0);
    assert_int_equal(stream_connect(s, &a, 9, &a, port, PATIENCE, on_done, &done), 0);
    wait_done(l, &done);
    assert_int_equal(done.status, -EADDRINUSE);
    stream_free(s);
    close(fd);
    loop_free(l);
}

static void the_peers_leave_is_the_end_of_the_stream(void **state)
{
    struct loop *l = loop_make();
    struct server srv;
    struct stream *s;

    (void)state;
    server_open(&srv, DTLS1_2_VERSION, CERTIFIED);
    s = secured(l, &srv);
    assert_int_equal(SSL_write(srv.ssl, "bye", 3), 3);
    SSL_shutdown(srv.ssl);
    expect(l, s, "bye");
    for (int i = 0; i < 2; i++) {
        outcome_reset(&got);
        assert_int_equal(stream_recv(s, 10, PATIENCE, on_data, &got), 0);
        wait_done(l, &got);
        assert_int_equal(got.status, -ENODATA);
    }
    stream_free(s);
    server_close(&srv);
    loop_free(l);
}

static void a_wish_for_a_new_handshake_is_declined(void **state)
{
    struct loop *l = loop_make();
    struct server srv;
    struct stream *s;
    char byte;

    (void)state;
    server_open(&srv, DTLS1_2_VERSION, CERTIFIED);
    s = secured(l, &srv);
    assert_int_equal(SSL_renegotiate(srv.ssl), 1);
    SSL_do_handshake(srv.ssl);
    assert_int_equal(stream_recv(s, 10, PATIENCE, on_data, &got), 0);
    for (int i = 0; i < TURNS && ERR_peek_error() == 0; i++) {
        assert_true(loop_turn(l, 0) >= 0);
        ERR_clear_error();
        assert_true(SSL_read(srv.ssl, &byte, 1) < 0);
    }
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
    wait_done(l, &got);
    assert_int_equal(got.status, -EPROTO); /* its alert */
    stream_free(s);
    server_close(&srv);
    loop_free(l);
}

static void a_freed_stream_cancels_its_handshake(void **state)
{
    struct loop *l = loop_make();
    struct stream *s;
    uint16_t port;
    int fd = udp_socket(&port);

    (void)state;
    loop_fake_clock(l, 0);
    s = started(l, NULL, port, PATIENCE);
    loop_turn(l, 0);
    stream_free(s);
    time_passes(l, 5 * USEC_PER_SEC);
    assert_int_equal(done.status, -ECANCELED);
    expect_once(l, &done);
    close(fd);
    loop_free(l);
}

/* ---- the guard ---- */

static struct guard *guard_make(struct loop *l, double rate, const uint16_t *fragile)
{
    struct addr_set scope = {0};
    struct guard_opts o = {.scope = &scope,
                           .rate = rate,
                           .burst = 1,
                           .fragile_ports = fragile,
                           .n_fragile_ports = fragile ? 1 : 0};
    struct addr a = localhost();
    struct guard *g = NULL;

    assert_int_equal(addr_set_add(&scope, &a, &a), 0);
    assert_int_equal(guard_new(&g, l, &o, NULL), 0);
    addr_set_done(&scope);
    return g;
}

static void the_guard_is_asked_for_the_handshake_and_for_each_flight_again(void **state)
{
    struct loop *l = loop_make();
    struct guard *g;
    struct stream *s;
    uint16_t port;
    int fd = udp_socket(&port);

    (void)state;
    loop_fake_clock(l, 0);
    g = guard_make(l, 0.5, NULL); /* one in two seconds */
    s = started(l, g, port, 60 * USEC_PER_SEC);
    time_passes(l, 0);
    assert_int_equal(datagrams(fd), 1);
    time_passes(l, 19 * USEC_PER_SEC / 10); /* due after one */
    assert_int_equal(datagrams(fd), 0);
    time_passes(l, 2 * USEC_PER_SEC / 10);
    assert_int_equal(datagrams(fd), 1);
    assert_int_equal(guard_sent(g, GUARD_CONNECT), 0);
    assert_int_equal(guard_sent(g, GUARD_PAYLOAD), 2);
    assert_int_equal(done.calls, 0);
    stream_free(s);
    wait_done(l, &done);
    close(fd);
    loop_free(l);
    guard_free(g);
}

/* OpenSSL's clock is the wall's, which may have been set back. */
static void time_that_has_passed_for_the_loop_alone_costs_no_token(void **state)
{
    struct loop *l = loop_make();
    struct guard *g;
    struct stream *s;
    uint16_t port;
    int fd = udp_socket(&port);

    (void)state;
    loop_fake_clock(l, 0);
    g = guard_make(l, 100, NULL);
    s = started(l, g, port, 60 * USEC_PER_SEC);
    loop_fake_advance(l, 20 * USEC_PER_SEC);
    assert_int_equal(guard_sent(g, GUARD_PAYLOAD), 1);
    time_passes(l, 11 * USEC_PER_SEC / 10);
    assert_int_equal(guard_sent(g, GUARD_PAYLOAD), 2);
    assert_int_equal(datagrams(fd), 2);
    stream_free(s);
    wait_done(l, &done);
    close(fd);
    loop_free(l);
    guard_free(g);
}

static void a_flight_that_waits_for_the_guard_hears_an_answer(void **state)
{
    struct loop *l = loop_make();
    struct guard *g;
    struct server srv;
    struct stream *s;

    (void)state;
    server_open(&srv, DTLS1_2_VERSION, CERTIFIED);
    loop_fake_clock(l, 0);
    g = guard_make(l, 0.1, NULL);
    s = started(l, g, srv.port, 60 * USEC_PER_SEC);
    time_passes(l, 0);
    time_passes(l, 5 * USEC_PER_SEC);
    pump(l, &srv, &done);
    assert_int_equal(done.status, 0);
    stream_free(s);
    server_close(&srv);
    loop_free(l);
    guard_free(g);
}

/* OpenSSL sends a flight again by itself when anything is read after its time. */
static void garbage_brings_out_no_flight_without_the_guard(void **state)
{
    struct loop *l = loop_make();
    struct guard *g;
    struct stream *s;
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    uint16_t port;
    int fd = udp_socket(&port);
    char b[1];

    (void)state;
    loop_fake_clock(l, 0);
    g = guard_make(l, 0.1, NULL);
    s = started(l, g, port, 60 * USEC_PER_SEC);
    time_passes(l, 0);
    assert_true(recvfrom(fd, b, 1, 0, (struct sockaddr *)&sa, &len) > 0);
    time_passes(l, 5 * USEC_PER_SEC);
    assert_int_equal(datagrams(fd), 0);
    assert_int_equal(sendto(fd, "garbage", 7, 0, (struct sockaddr *)&sa, len), 7);
    time_passes(l, 0);
    time_passes(l, USEC_PER_SEC / 10);
    assert_true(stream_bytes_in(s) > 0);
    assert_int_equal(datagrams(fd), 0);
    time_passes(l, 6 * USEC_PER_SEC);
    assert_int_equal(datagrams(fd), 1);
    assert_int_equal(guard_sent(g, GUARD_PAYLOAD), 2);
    stream_free(s);
    wait_done(l, &done);
    close(fd);
    loop_free(l);
    guard_free(g);
}

static void a_fragile_port_gets_no_handshake(void **state)
{
    struct loop *l = loop_make();
    struct guard *g;
    struct stream *s;
    uint16_t port;
    int fd = udp_socket(&port);

    (void)state;
    g = guard_make(l, 0, &port);
    s = started(l, g, port, PATIENCE);
    wait_done(l, &done);
    assert_int_equal(done.status, -EPERM);
    assert_string_equal(stream_error_text(s), "fragile port");
    assert_int_equal(datagrams(fd), 0);
    stream_free(s);
    close(fd);
    loop_free(l);
    guard_free(g);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup(records_go_both_ways_one_at_a_time, setup),
    cmocka_unit_test_setup(both_versions_are_spoken, setup),
    cmocka_unit_test_setup(a_record_may_be_as_large_as_records_are, setup),
    cmocka_unit_test_setup(nothing_goes_in_the_clear_and_no_certificate_is_checked, setup),
    cmocka_unit_test_setup(flights_that_are_lost_go_out_again_after_one_and_three_seconds, setup),
    cmocka_unit_test_setup(a_flight_is_lost_in_the_middle, setup),
    cmocka_unit_test_setup(a_silent_peer_times_the_handshake_out, setup),
    cmocka_unit_test_setup(who_waits_without_end_gives_up_after_twelve_flights_more, setup),
    cmocka_unit_test_setup(garbage_is_no_answer, setup),
    cmocka_unit_test_setup(an_alert_ends_the_handshake_with_its_reason, setup),
    cmocka_unit_test_setup(a_closed_port_refuses, setup),
    cmocka_unit_test_setup(a_port_that_closes_refuses_what_goes_out_again, setup),
    cmocka_unit_test_setup(a_flight_that_cannot_go_out_again_ends_the_handshake, setup),
    cmocka_unit_test_setup(a_port_that_another_has_is_not_shared, setup),
    cmocka_unit_test_setup(the_peers_leave_is_the_end_of_the_stream, setup),
    cmocka_unit_test_setup(a_wish_for_a_new_handshake_is_declined, setup),
    cmocka_unit_test_setup(a_freed_stream_cancels_its_handshake, setup),
    cmocka_unit_test_setup(the_guard_is_asked_for_the_handshake_and_for_each_flight_again, setup),
    cmocka_unit_test_setup(time_that_has_passed_for_the_loop_alone_costs_no_token, setup),
    cmocka_unit_test_setup(a_flight_that_waits_for_the_guard_hears_an_answer, setup),
    cmocka_unit_test_setup(garbage_brings_out_no_flight_without_the_guard, setup),
    cmocka_unit_test_setup(a_fragile_port_gets_no_handshake, setup),
};

TEST_MAIN(tests)
