-- greeting: what services say to whoever connects, and what is read from it.
local test, check = ...
local greeting = require "greeting"

local function said(text, port_name)
  local info = greeting.recognise(text, port_name)
  if not info then
    return nil
  end
  return table.concat({ info.name, info.product or "-", info.version or "-", info.extrainfo or "-" },
    "|")
end

local known = {
  ["SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"] =
    "ssh|OpenSSH|9.2p1 Debian 2+deb12u3|protocol 2.0",
  ["SSH-2.0-OpenSSH_8.9p1 Ubuntu-3ubuntu0.10\r\n"] =
    "ssh|OpenSSH|8.9p1 Ubuntu 3ubuntu0.10|Ubuntu Linux; protocol 2.0",
  ["SSH-2.0-OpenSSH_9.3 FreeBSD-20230719\r\n"] =
    "ssh|OpenSSH|9.3|FreeBSD 20230719; protocol 2.0",
  ["SSH-2.0-OpenSSH_for_Windows_8.1\r\n"] = "ssh|OpenSSH|8.1|for Windows; protocol 2.0",
  ["SSH-2.0-OpenSSH_9.6\r\n"] = "ssh|OpenSSH|9.6|protocol 2.0",
  ["SSH-1.99-Cisco-1.25\n"] = "ssh|Cisco SSH|1.25|protocol 1.99",
  ["SSH-2.0-dropbear\r\n"] = "ssh|Dropbear sshd|-|protocol 2.0",
  ["SSH-2.0-ROSSSH\r\n"] = "ssh|MikroTik RouterOS sshd|-|protocol 2.0",
  ["SSH-2.0-Go\r\n"] = "ssh|Go x/crypto/ssh|-|protocol 2.0",
  ["SSH-2.0-somebody's own\r\n"] = "ssh|-|-|protocol 2.0",
  ["You are being watched\r\nSSH-2.0-dropbear_2022.83\r\n"] =
    "ssh|Dropbear sshd|2022.83|protocol 2.0",
  ["220 (vsFTPd 3.0.3)\r\n"] = "ftp|vsftpd|3.0.3|-",
  ["220 ProFTPD Server (Debian) [::ffff:192.0.2.1]\r\n"] = "ftp|ProFTPD|-|-",
  ["220 ProFTPD 1.3.5e Server (Files) [192.0.2.1]\r\n"] = "ftp|ProFTPD|1.3.5e|-",
  ["220---------- Welcome to Pure-FTPd [privsep] [TLS] ----------\r\n220-Local time is now 10:11.\r\n"
    .. "220 You will be disconnected after 15 minutes of inactivity.\r\n"] = "ftp|Pure-FTPd|-|-",
  ["220 Microsoft FTP Service\r\n"] = "ftp|Microsoft ftpd|-|-",
  ["220 router FTP server (MikroTik 6.48.6) ready\r\n"] = "ftp|MikroTik RouterOS ftpd|6.48.6|-",
  ["220 mail.example ESMTP Postfix (Debian/GNU)\r\n"] = "smtp|Postfix smtpd|-|Debian",
  ["220 mail.example ESMTP Postfix\r\n"] = "smtp|Postfix smtpd|-|-",
  ["220 mail.example ESMTP Exim 4.96 Mon, 30 Nov 2026 10:00:00 +0000\r\n"] = "smtp|Exim smtpd|4.96|-",
  ["220 mail.example ESMTP Sendmail 8.17.1/8.17.1/Debian-2; Mon, 30 Nov 2026 10:00:00 GMT\r\n"] =
    "smtp|Sendmail|8.17.1|-",
  ["220 mail.example Microsoft ESMTP MAIL Service ready at Mon, 30 Nov 2026 10:00:00 +0100\r\n"] =
    "smtp|Microsoft Exchange smtpd|-|-",
  ["220 mail.example LMTP Cyrus 3.6.1-Debian-3.6.1-4 server ready\r\n"] = "lmtp|Cyrus lmtpd|3.6.1|-",
  ["220 fax.example server (HylaFAX (tm) Version 6.0.7) ready.\r\n"] = "hylafax|HylaFAX|6.0.7|-",
  ["220 dict.example dictd 1.13.1/rf on Linux 6.1 <auth.mime> <1.2.3@dict.example>\r\n"] =
    "dict|dictd|1.13.1|-",
  ["220 VMware Authentication Daemon Version 1.10: SSL Required\r\n"] =
    "vmware-auth|VMware Authentication Daemon|1.10|-",
  ["+OK Dovecot (Debian) ready.\r\n"] = "pop3|Dovecot pop3d|-|-",
  ["* OK [CAPABILITY IMAP4rev1 STARTTLS] Dovecot (Debian) ready.\r\n"] = "imap|Dovecot imapd|-|-",
  ["* OK [CAPABILITY IMAP4rev1] mail.example Cyrus IMAP 3.6.1-Debian-3.6.1-4 server ready\r\n"] =
    "imap|Cyrus imapd|3.6.1|-",
  ["200 news.example InterNetNews NNRP server INN 2.7.1 ready (posting ok)\r\n"] =
    "nntp|InterNetNews (INN)|2.7.1|-",
  ['"IMPLEMENTATION" "Dovecot Pigeonhole"\r\n"SIEVE" "fileinto"\r\nOK "ready"\r\n'] =
    "sieve|Dovecot Pigeonhole sieve|-|-",
  ["RFB 003.008\n"] = "vnc|VNC|-|protocol 3.8",
  ["RFB 003.889\n"] = "vnc|Apple Screen Sharing|-|protocol 3.889",
  ["@RSYNCD: 31.0\n"] = "rsync|rsyncd|-|protocol version 31",
  ["( success ( 2 2 ( ) ( edit-pipeline svndiff1 ) ) ) "] = "svn|Subversion|-|-",
  ["OK MPD 0.23.5\n"] = "mpd|Music Player Daemon|-|protocol 0.23.5",
  ["Asterisk Call Manager/8.0.2\r\n"] = "asterisk|Asterisk Call Manager|8.0.2|-",
  ['INFO {"server_id":"NB65","server_name":"nats1","version":"2.9.10","proto":1} \r\n'] =
    "nats|NATS|2.9.10|-",
  ['{"class":"VERSION","release":"3.22","rev":"3.22"}\r\n'] = "gpsd|gpsd|3.22|-",
  ["# munin node at web.example\n"] = "munin|Munin node|-|-",
  ["TS3\n\rWelcome to the TeamSpeak 3 ServerQuery interface\n\r"] =
    "teamspeak|TeamSpeak 3 ServerQuery|-|-",
  ["ncacn_http/1.0"] = "ncacn_http|Microsoft Windows RPC over HTTP|1.0|-",
  ["\r\nHello, this is FRRouting (version 8.4.4).\r\nCopyright\r\n"] = "frr|FRRouting vty|8.4.4|-",
  [":irc.example NOTICE * :*** Looking up your hostname...\r\n"] = "irc|-|-|-",
  ["\255\253\37\255\251\1"] = "telnet|-|-|-",
}

-- A handshake of MySQL: length, number, version 10, the server's version, and the rest.
local function mysql(version)
  local body = "\10" .. version .. "\0" .. ("x"):rep(60)
  return string.pack("<I3B", #body, 0) .. body
end
known[mysql("8.0.36-0ubuntu0.22.04.1")] = "mysql|MySQL|8.0.36-0ubuntu0.22.04.1|-"
known[mysql("5.5.5-10.11.6-MariaDB-0+deb12u1")] = "mysql|MariaDB|10.11.6|-"
known[mysql("11.4.2-MariaDB")] = "mysql|MariaDB|11.4.2|-"
known["\69\0\0\0\255\106\4Host '192.0.2.9' is not allowed to connect to this MariaDB server\0"] =
  "mysql|MariaDB|-|unauthorized"

test("each greeting is recognised", function()
  for text, want in pairs(known) do
    check.equal(said(text), want)
  end
end)

test("what is said to nobody in particular is nothing", function()
  for _, text in ipairs({ "", "\r\n", "220 welcome\r\n", "login: ", "HTTP/1.1 400 Bad Request\r\n",
    "200 hello\r\n", "\0\0\0\1", "\4\0\0\0\10", "\255\255\255\255\10\0\0" }) do
    check.equal(said(text), nil)
  end
end)

test("words of several protocols are those of the port", function()
  check.equal(said("220 welcome\r\n", "ftp"), "ftp|-|-|-")
  check.equal(said("220 welcome\r\n", "submission"), "smtp|-|-|-")
  check.equal(said("220 welcome\r\n", "http"), nil)
end)

test("a busy MySQL says nothing that lasts", function()
  check.equal(said("\23\0\0\0\255\16\4Too many connections"), nil)
end)

test("CPE names have the version where there is one", function()
  check.same(greeting.recognise("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n").cpe,
    { "cpe:/a:openbsd:openssh:9.2p1", "cpe:/o:linux:linux_kernel" })
  check.same(greeting.recognise("220 x ESMTP Haraka ready\r\n").cpe, { "cpe:/a:haraka_project:haraka" })
  check.same(greeting.recognise("* OK hello\r\n").cpe, {})
end)

test("a reply of several lines ends with a line without hyphen", function()
  check.equal(greeting.is_whole("220-wait\r\n"), false)
  check.equal(greeting.is_whole("220-wait\r\n220 now\r\n"), true)
  check.equal(greeting.is_whole("SSH-2.0-Open"), false)
  check.equal(greeting.is_whole("SSH-2.0-OpenSSH_9.2\r\n"), true)
  check.equal(greeting.is_whole("\255\253\1"), true)
end)

test("web servers say in a header what they are", function()
  for header, want in pairs({
    ["nginx/1.22.1"] = "nginx|1.22.1|-",
    ["nginx"] = "nginx|-|-",
    ["Apache/2.4.57 (Debian) PHP/8.2"] = "Apache httpd|2.4.57|(Debian) PHP/8.2",
    ["Microsoft-IIS/10.0"] = "Microsoft IIS httpd|10.0|-",
    ["SimpleHTTP/0.6 Python/3.11.2"] = "SimpleHTTPServer|-|Python 3.11.2",
    ["Jetty(9.4.50.v20221201)"] = "Jetty|9.4.50.v20221201|-",
    ["box-httpd/2.1 extra"] = "box-httpd|2.1|-",
    ["Some box"] = "Some box|-|-",
  }) do
    local info = greeting.web_server(header)
    check.equal(table.concat({ info.product, info.version or "-", info.extrainfo or "-" }, "|"), want)
  end
end)
