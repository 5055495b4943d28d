/* Servers on loopback with one behaviour each, in child processes: what the other end of a script's
 * socket may do. */
#pragma once

#include "tests/support/main.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum peer_kind {
    PEER_HELLO,  /* "hello\nworld", closes after 20 ms */
    PEER_CLOSES, /* at once */
    PEER_RESETS, /* at once, with RST */
    PEER_SILENT, /* says nothing */
    PEER_HOLDS,  /* "hello\nworld", stays open */
    PEER_ECHO,
    PEER_IDENT, /* "PORT PORT", its and the client's: "01", if there is such a connection (RFC 1413)
                 */
    PEER_BIG,   /* 300,000 bytes, then closes */
    PEER_LINE_FREE, /* sends for ever, without a line end */
    PEER_TLS,       /* TLS: "hello\nworld" in two records, then an end with close_notify */
    PEER_TLS_ECHO,  /* TLS: echo */
    PEER_TLS_BARE,  /* TLS: "x", then an end without close_notify */
    PEER_STARTTLS,  /* one line each way, then TLS echo */
    PEER_UDP_ECHO,
    PEER_DTLS,      /* after a cookie: "hello\n" and "world", then an end with close_notify */
    PEER_DTLS_ECHO, /* the same, but echo */
    PEER_DTLS_BARE, /* has no certificate to show: an alert */
    PEER_KINDS
};

static const char *const peer_names[PEER_KINDS] = {
    "hello",    "closes",   "resets",  "silent",    "holds",    "echo",
    "ident",    "big",      "endless", "tls",       "tls_echo", "tls_bare",
    "starttls", "udp_echo", "dtls",    "dtls_echo", "dtls_bare"};

struct peers {
    int fds[PEER_KINDS];
    uint16_t ports[PEER_KINDS];
    uint16_t closed; /* nobody listens there */
    pid_t pid;
    EVP_PKEY *key;
    X509 *cert;
};

static void peer_write(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

        if (n <= 0)
            return;
        data += n;
        len -= (size_t)n;
    }
}

static bool peer_is_udp(int kind)
{
    return kind >= PEER_UDP_ECHO;
}

static void peer_wait(int ms)
{
    poll(NULL, 0, ms);
}

static void peer_echo(int fd)
{
    char b[4096];
    ssize_t n;

    while ((n = recv(fd, b, sizeof b, 0)) > 0)
        peer_write(fd, b, (size_t)n);
}

static void peer_flood(int fd, size_t len)
{
    static char x[65536];

    memset(x, 'x', sizeof x);
    while (len > 0) {
        size_t n = len < sizeof x ? len : sizeof x;

        if (send(fd, x, n, MSG_NOSIGNAL) <= 0)
            return;
        len -= n;
    }
}

/* Answers "sni?" with the name that the client asked for. */
static void peer_ssl(SSL *ssl, enum peer_kind kind)
{
    char b[16384];
    int n;

    if (SSL_accept(ssl) != 1)
        return;
    if (kind == PEER_TLS || kind == PEER_DTLS) {
        SSL_write(ssl, "hello\n", 6);
        SSL_write(ssl, "world", 5);
        SSL_shutdown(ssl);
    } else if (kind == PEER_TLS_BARE) {
        SSL_write(ssl, "x", 1);
    } else {
        while ((n = SSL_read(ssl, b, sizeof b)) > 0) {
            const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

            if (n == 4 && memcmp(b, "sni?", 4) == 0)
                SSL_write(ssl, name ? name : "none", name ? (int)strlen(name) : 4);
            else
                SSL_write(ssl, b, n);
        }
    }
}

static void peer_tls(struct peers *p, int fd, enum peer_kind kind)
{
    SSL *ssl = SSL_new(SSL_CTX_new(TLS_server_method()));

    SSL_use_certificate(ssl, p->cert);
    SSL_use_PrivateKey(ssl, p->key);
    SSL_set_fd(ssl, fd);
    peer_ssl(ssl, kind);
}

static int peer_cookie(SSL *ssl, unsigned char *cookie, unsigned *len)
{
    (void)ssl;
    memcpy(cookie, "crumbs", *len = 6);
    return 1;
}

static int peer_cookie_check(SSL *ssl, const unsigned char *cookie, unsigned len)
{
    (void)ssl;
    return len == 6 && memcmp(cookie, "crumbs", 6) == 0;
}

/* A socket beside the one that listens, for one client alone. */
static int peer_beside(int listener, const BIO_ADDR *client)
{
    struct sockaddr_in own, sa = {.sin_family = AF_INET, .sin_port = BIO_ADDR_rawport(client)};
    socklen_t len = sizeof own;
    size_t addr_len = sizeof sa.sin_addr;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    BIO_ADDR_rawaddress(client, &sa.sin_addr, &addr_len);
    getsockname(listener, (struct sockaddr *)&own, &len);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(fd, (struct sockaddr *)&own, len) < 0 ||
        connect(fd, (struct sockaddr *)&sa, sizeof sa) < 0)
        _exit(1);
    return fd;
}

/* Who comes back with the cookie gets a process of its own. */
static void peer_dtls(struct peers *p, enum peer_kind kind)
{
    SSL_CTX *ctx = SSL_CTX_new(DTLS_server_method());
    BIO *bio = BIO_new_dgram(p->fds[kind], BIO_NOCLOSE);
    BIO_ADDR *client = BIO_ADDR_new();
    SSL *ssl;

    SSL_CTX_set_cookie_generate_cb(ctx, peer_cookie);
    SSL_CTX_set_cookie_verify_cb(ctx, peer_cookie_check);
    ssl = SSL_new(ctx);
    SSL_set_bio(ssl, bio, bio);
    if (kind != PEER_DTLS_BARE) {
        SSL_use_certificate(ssl, p->cert);
        SSL_use_PrivateKey(ssl, p->key);
    }
    if (DTLSv1_listen(ssl, client) > 0 && fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        alarm(20); /* a client may have left without a word */
        BIO_set_fd(bio, peer_beside(p->fds[kind], client), BIO_NOCLOSE);
        BIO_ctrl(bio, BIO_CTRL_DGRAM_SET_CONNECTED, 0, client);
        peer_ssl(ssl, kind);
        _exit(0);
    }
    BIO_ADDR_free(client);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

/* The state of the connection in /proc/net/tcp: 01 established, 03 not yet; "none". */
static void peer_ident(int fd)
{
    char line[256] = "", state[8] = "none";
    unsigned own, theirs, local, remote, s;
    FILE *f = fopen("/proc/net/tcp", "re");

    if (f && recv(fd, line, sizeof line - 1, 0) > 0 && sscanf(line, "%u %u", &own, &theirs) == 2)
        while (fgets(line, sizeof line, f))
            if (sscanf(line, "%*d: %*x:%x %*x:%x %x", &local, &remote, &s) == 3 && local == own &&
                remote == theirs)
                snprintf(state, sizeof state, "%02X", s);
    peer_write(fd, state, strlen(state));
}

static void peer_serve(struct peers *p, int fd, enum peer_kind kind)
{
    char b[64];

    switch (kind) {
    case PEER_HELLO:
    case PEER_HOLDS:
        peer_write(fd, "hello\nworld", 11);
        peer_wait(kind == PEER_HELLO ? 20 : 20000);
        break;
    case PEER_SILENT:
        peer_wait(20000);
        break;
    case PEER_RESETS:
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
        break;
    case PEER_ECHO:
        peer_echo(fd);
        break;
    case PEER_IDENT:
        peer_ident(fd);
        break;
    case PEER_BIG:
        peer_flood(fd, 300000);
        break;
    case PEER_LINE_FREE:
        peer_flood(fd, (size_t)1 << 40);
        break;
    case PEER_STARTTLS:
        if (recv(fd, b, sizeof b, 0) > 0)
            peer_write(fd, "go\n", 3);
        peer_tls(p, fd, PEER_TLS_ECHO);
        break;
    case PEER_TLS:
    case PEER_TLS_ECHO:
    case PEER_TLS_BARE:
        peer_tls(p, fd, kind);
        break;
    default:
        break;
    }
}

static void peer_udp(int fd)
{
    char b[65536];
    struct sockaddr_in from;
    socklen_t len = sizeof from;
    ssize_t n = recvfrom(fd, b, sizeof b, 0, (struct sockaddr *)&from, &len);

    if (n >= 0)
        sendto(fd, b, (size_t)n, 0, (struct sockaddr *)&from, len);
}

static void peer_accept(struct peers *p, enum peer_kind kind)
{
    int fd = accept(p->fds[kind], NULL, NULL);

    if (fd < 0)
        return;
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        peer_serve(p, fd, kind);
        _exit(0);
    }
    close(fd);
}

static void peers_run(struct peers *p)
{
    struct pollfd fds[PEER_KINDS];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGCHLD, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < PEER_KINDS; i++)
        fds[i] = (struct pollfd){.fd = p->fds[i], .events = POLLIN};
    while (poll(fds, PEER_KINDS, -1) > 0)
        for (int i = 0; i < PEER_KINDS; i++)
            if (fds[i].revents && i == PEER_UDP_ECHO)
                peer_udp(fds[i].fd);
            else if (fds[i].revents && peer_is_udp(i))
                peer_dtls(p, (enum peer_kind)i);
            else if (fds[i].revents)
                peer_accept(p, (enum peer_kind)i);
    _exit(0);
}

static uint16_t peer_listen(int type, int *ret_fd)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof sa;
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    if (type == SOCK_DGRAM)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    if (type == SOCK_STREAM && ret_fd)
        assert_int_equal(listen(fd, 256), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    if (ret_fd)
        *ret_fd = fd;
    else
        close(fd);
    return ntohs(sa.sin_port);
}

static X509 *peer_cert(EVP_PKEY *key)
{
    X509 *x = X509_new();
    X509_NAME *name = X509_get_subject_name(x);

    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"peer.test", -1, -1,
                               0);
    X509_set_issuer_name(x, name);
    X509_set_pubkey(x, key);
    X509_sign(x, key, EVP_sha256());
    return x;
}

static void peers_open(struct peers *p)
{
    p->key = EVP_EC_gen("prime256v1");
    assert_non_null(p->key);
    p->cert = peer_cert(p->key);
    for (int i = 0; i < PEER_KINDS; i++)
        p->ports[i] = peer_listen(peer_is_udp(i) ? SOCK_DGRAM : SOCK_STREAM, &p->fds[i]);
    for (int i = PEER_DTLS; i < PEER_KINDS; i++) /* DTLSv1_listen() would wait for the cookie */
        assert_int_equal(fcntl(p->fds[i], F_SETFL, O_NONBLOCK), 0);
    p->closed = peer_listen(SOCK_STREAM, NULL);
    fflush(NULL);
    p->pid = fork();
    assert_true(p->pid >= 0);
    if (p->pid == 0)
        peers_run(p);
    for (int i = 0; i < PEER_KINDS; i++)
        close(p->fds[i]);
}

static void peers_close(struct peers *p)
{
    kill(p->pid, SIGKILL);
    waitpid(p->pid, NULL, 0);
    X509_free(p->cert);
    EVP_PKEY_free(p->key);
}
