--- What a service says of itself as soon as someone connects: which protocol it speaks, and often
-- which program it is.
--
--     greeting.recognise("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n")
--     --> { name = "ssh", product = "OpenSSH", version = "9.2p1 Debian 2+deb12u3",
--     --    extrainfo = "protocol 2.0", ostype = "Linux",
--     --    cpe = { "cpe:/a:openbsd:openssh:9.2p1", "cpe:/o:linux:linux_kernel" } }
--
-- Names are those of the IANA registry; cpe are names of the Common Platform Enumeration 2.2.  What
-- the greeting does not say is left out: a host name may be another one at each visit (servers
-- behind one address), and is not told.

local ipairs, nmap, pairs, string = ipairs, require "nmap", pairs, string
local tonumber, tostring = tonumber, tostring

local M = {}

local linux, windows = "cpe:/o:linux:linux_kernel", "cpe:/o:microsoft:windows"

-- Programs of a protocol: a pattern over the text, then fields in which %1 .. %9 stand for its
-- captures.  The first that matches counts.
local programs = {}

-- The text is what follows "SSH-<protocol>-" (RFC 4253, section 4.2): the software's version, and
-- behind a space a comment, where distributions name themselves.
programs.ssh = {
  { "^OpenSSH_for_Windows_([%w.]+)", product = "OpenSSH", version = "%1", extrainfo = "for Windows",
    ostype = "Windows", cpe = { "cpe:/a:openbsd:openssh:%1", windows } },
  { "^OpenSSH_([%w.]+) FreeBSD%-(%w+)", product = "OpenSSH", version = "%1",
    extrainfo = "FreeBSD %2", ostype = "FreeBSD",
    cpe = { "cpe:/a:openbsd:openssh:%1", "cpe:/o:freebsd:freebsd" } },
  { "^OpenSSH_([%w.]+) NetBSD", product = "OpenSSH", version = "%1", ostype = "NetBSD",
    cpe = { "cpe:/a:openbsd:openssh:%1", "cpe:/o:netbsd:netbsd" } },
  { "^OpenSSH_([%w.]+) Ubuntu%-(%S+)", product = "OpenSSH", version = "%1 Ubuntu %2",
    extrainfo = "Ubuntu Linux", ostype = "Linux", cpe = { "cpe:/a:openbsd:openssh:%1", linux } },
  { "^OpenSSH_([%w.]+) (%a+bian)%-(%S+)", product = "OpenSSH", version = "%1 %2 %3",
    ostype = "Linux", cpe = { "cpe:/a:openbsd:openssh:%1", linux } },
  { "^OpenSSH_([%w.]+)", product = "OpenSSH", version = "%1", cpe = { "cpe:/a:openbsd:openssh:%1" } },
  { "^dropbear_([%w.]+)", product = "Dropbear sshd", version = "%1",
    cpe = { "cpe:/a:dropbear_ssh_project:dropbear_ssh:%1" } },
  { "^dropbear", product = "Dropbear sshd", cpe = { "cpe:/a:dropbear_ssh_project:dropbear_ssh" } },
  { "^ROSSSH", product = "MikroTik RouterOS sshd", ostype = "RouterOS", devicetype = "router",
    cpe = { "cpe:/o:mikrotik:routeros" } },
  { "^Cisco%-([%d.]+)", product = "Cisco SSH", version = "%1" },
  { "^%-?HUAWEI%-([%w.]+)", product = "Huawei VRP sshd", version = "%1", ostype = "VRP" },
  { "^Comware%-([%w.]+)", product = "HPE Comware sshd", version = "%1", ostype = "Comware" },
  { "^libssh[_%-]([%d.]+)", product = "libssh", version = "%1", cpe = { "cpe:/a:libssh:libssh:%1" } },
  { "^mod_sftp/([%w.]+)", product = "ProFTPD mod_sftp", version = "%1",
    cpe = { "cpe:/a:proftpd:proftpd" } },
  { "^mod_sftp", product = "ProFTPD mod_sftp", cpe = { "cpe:/a:proftpd:proftpd" } },
  { "^GerritCodeReview_([%w.%-]+)", product = "Gerrit Code Review sshd", version = "%1",
    cpe = { "cpe:/a:google:gerrit:%1" } },
  { "^APACHE%-SSHD%-([%w.%-]+)", product = "Apache MINA SSHD", version = "%1",
    cpe = { "cpe:/a:apache:sshd:%1" } },
  { "^SSHD%-CORE%-([%w.%-]+)", product = "Apache MINA SSHD", version = "%1",
    cpe = { "cpe:/a:apache:sshd:%1" } },
  { "^paramiko_([%w.]+)", product = "Paramiko sshd", version = "%1",
    cpe = { "cpe:/a:paramiko:paramiko:%1" } },
  { "^AsyncSSH_([%w.]+)", product = "AsyncSSH sshd", version = "%1",
    cpe = { "cpe:/a:asyncssh_project:asyncssh:%1" } },
  { "^Erlang/([%w.]+)", product = "Erlang/OTP sshd", version = "%1" },
  { "^SFTPGo_([%w.]+)", product = "SFTPGo", version = "%1",
    cpe = { "cpe:/a:sftpgo_project:sftpgo:%1" } },
  { "^Serv%-U_([%d.]+)", product = "SolarWinds Serv-U sshd", version = "%1", ostype = "Windows",
    cpe = { "cpe:/a:solarwinds:serv-u:%1" } },
  { "^[%d.]+ FlowSsh: Bitvise SSH Server %(WinSSHD%) ([%d.]+)", product = "Bitvise SSH Server",
    version = "%1", ostype = "Windows", cpe = { "cpe:/a:bitvise:winsshd:%1", windows } },
  { "^AWS_SFTP_([%d.]+)", product = "AWS Transfer Family SFTP", version = "%1" },
  { "^GitLab%-SSHD", product = "GitLab Shell sshd", cpe = { "cpe:/a:gitlab:gitlab" } },
  { "^RomSShell_([%w.]+)", product = "Allegro RomSShell", version = "%1" },
  { "^Twisted", product = "Twisted Conch sshd" },
  { "^Go$", product = "Go x/crypto/ssh" },
}

programs.ftp = {
  { "^220 %(vsFTPd ([%d.]+)", product = "vsftpd", version = "%1",
    cpe = { "cpe:/a:vsftpd_project:vsftpd:%1" } },
  { "ProFTPD ([%d.]+%w*)", product = "ProFTPD", version = "%1",
    cpe = { "cpe:/a:proftpd:proftpd:%1" } },
  { "ProFTPD", product = "ProFTPD", cpe = { "cpe:/a:proftpd:proftpd" } },
  { "Welcome to Pure%-FTPd ([%d.]+)", product = "Pure-FTPd", version = "%1",
    cpe = { "cpe:/a:pureftpd:pure-ftpd:%1" } },
  { "Welcome to Pure%-FTPd", product = "Pure-FTPd", cpe = { "cpe:/a:pureftpd:pure-ftpd" } },
  { "FileZilla Server version ([%d.]+)", product = "FileZilla ftpd", version = "%1",
    ostype = "Windows", cpe = { "cpe:/a:filezilla-project:filezilla_server:%1", windows } },
  { "FileZilla Server ([%d.]+)", product = "FileZilla ftpd", version = "%1",
    cpe = { "cpe:/a:filezilla-project:filezilla_server:%1" } },
  { "Microsoft FTP Service", product = "Microsoft ftpd", ostype = "Windows", cpe = { windows } },
  { "^220 pyftpdlib ([%d.]+)", product = "pyftpdlib", version = "%1",
    cpe = { "cpe:/a:g.rodola:pyftpdlib:%1" } },
  { "%(MikroTik v?([%d.]+)%)", product = "MikroTik RouterOS ftpd", version = "%1",
    ostype = "RouterOS", devicetype = "router", cpe = { "cpe:/o:mikrotik:routeros:%1" } },
  { "%(GNU inetutils ([%d.]+)%)", product = "GNU inetutils ftpd", version = "%1",
    cpe = { "cpe:/a:gnu:inetutils:%1" } },
  { "%(tnftpd (%w+)%)", product = "tnftpd", version = "%1" },
  { "Serv%-U FTP Server v([%d.]+)", product = "SolarWinds Serv-U ftpd", version = "%1",
    cpe = { "cpe:/a:solarwinds:serv-u:%1" } },
  { "[Bb]ftpd ([%d.]+)", product = "Bftpd", version = "%1",
    cpe = { "cpe:/a:jesse_smith:bftpd:%1" } },
  { "^220 uftpd %(([%w.%-]+)%)", product = "uftpd", version = "%1" },
  { "^220 JD FTP Server Ready", product = "HP JetDirect ftpd", devicetype = "printer" },
  { "^220 FTP print service:V%-([%w.]+)", product = "Printer ftpd", version = "%1",
    devicetype = "printer" },
  { "^220 (AXIS .-Network Camera) ([%d.]+)", product = "%1 ftpd", version = "%2",
    devicetype = "webcam" },
}

programs.smtp = {
  { "E?SMTP Postfix %((%a+)/GNU%)", product = "Postfix smtpd", extrainfo = "%1",
    cpe = { "cpe:/a:postfix:postfix" } },
  { "E?SMTP Postfix", product = "Postfix smtpd", cpe = { "cpe:/a:postfix:postfix" } },
  { "E?SMTP Exim ([%d._]+%w*)", product = "Exim smtpd", version = "%1",
    cpe = { "cpe:/a:exim:exim:%1" } },
  { "E?SMTP Exim", product = "Exim smtpd", cpe = { "cpe:/a:exim:exim" } },
  { "E?SMTP Sendmail ([%w.]+)", product = "Sendmail", version = "%1",
    cpe = { "cpe:/a:sendmail:sendmail:%1" } },
  { "Microsoft ESMTP MAIL Service, Version: ([%d.]+)", product = "Microsoft ESMTP MAIL Service",
    version = "%1", ostype = "Windows", cpe = { windows } },
  { "Microsoft ESMTP MAIL Service", product = "Microsoft Exchange smtpd", ostype = "Windows",
    cpe = { "cpe:/a:microsoft:exchange_server", windows } },
  { "E?SMTP OpenSMTPD", product = "OpenSMTPD", cpe = { "cpe:/a:opensmtpd:opensmtpd" } },
  { "Haraka/?([%d.]*) ?ready", product = "Haraka smtpd", version = "%1",
    cpe = { "cpe:/a:haraka_project:haraka:%1" } },
  { "MailEnable Service, Version: ([%d.%-]+)", product = "MailEnable smtpd", version = "%1",
    ostype = "Windows", cpe = { "cpe:/a:mailenable:mailenable:%1", windows } },
  { "E?SMTP MDaemon ([%d.]+)", product = "MDaemon smtpd", version = "%1", ostype = "Windows",
    cpe = { "cpe:/a:altn:mdaemon:%1", windows } },
  { "Python SMTP ([%w.]+)", product = "Python aiosmtpd", version = "%1" },
  { "^220[^\n]* Dovecot", product = "Dovecot submission", cpe = { "cpe:/a:dovecot:dovecot" } },
}

programs.lmtp = {
  { "LMTP Cyrus v?([%d.]+)", product = "Cyrus lmtpd", version = "%1",
    cpe = { "cpe:/a:cyrus:imap:%1" } },
  { "Dovecot", product = "Dovecot lmtpd", cpe = { "cpe:/a:dovecot:dovecot" } },
}

programs.imap = {
  { "Dovecot", product = "Dovecot imapd", cpe = { "cpe:/a:dovecot:dovecot" } },
  { "Courier%-IMAP ready", product = "Courier Imapd" },
  { "Cyrus IMAP v?([%d.]+)", product = "Cyrus imapd", version = "%1",
    cpe = { "cpe:/a:cyrus:imap:%1" } },
  { "Microsoft Exchange", product = "Microsoft Exchange imapd", ostype = "Windows",
    cpe = { "cpe:/a:microsoft:exchange_server", windows } },
}

programs.pop3 = {
  { "Dovecot", product = "Dovecot pop3d", cpe = { "cpe:/a:dovecot:dovecot" } },
  { "^%+OK Hello there", product = "Courier pop3d" },
  { "Cyrus POP3 v?([%d.]+)", product = "Cyrus pop3d", version = "%1",
    cpe = { "cpe:/a:cyrus:imap:%1" } },
  { "Qpopper %(version ([%d.]+)%)", product = "Qpopper pop3d", version = "%1",
    cpe = { "cpe:/a:qualcomm:qpopper:%1" } },
  { "Microsoft Exchange", product = "Microsoft Exchange pop3d", ostype = "Windows",
    cpe = { "cpe:/a:microsoft:exchange_server", windows } },
}

programs.nntp = {
  { "InterNetNews.- INN ([%d.]+)", product = "InterNetNews (INN)", version = "%1",
    cpe = { "cpe:/a:isc:inn:%1" } },
  { "NNTP Service ([%d.]+) Version", product = "Microsoft NNTP Service", version = "%1",
    ostype = "Windows", cpe = { windows } },
}

programs.sieve = {
  { '^"IMPLEMENTATION" "Dovecot Pigeonhole"', product = "Dovecot Pigeonhole sieve",
    cpe = { "cpe:/a:dovecot:dovecot" } },
  { '^"IMPLEMENTATION" "Cyrus timsieved v([%d.]+)', product = "Cyrus timsieved", version = "%1",
    cpe = { "cpe:/a:cyrus:imap:%1" } },
}

programs.vnc = {
  { "^RFB 003%.889", product = "Apple Screen Sharing", extrainfo = "protocol 3.889",
    ostype = "macOS", cpe = { "cpe:/o:apple:macos" } },
  { "^RFB 0*(%d+)%.0*(%d+)", product = "VNC", extrainfo = "protocol %1.%2" },
}

-- Single programs with a protocol of their own, or that say nothing else of it.
programs.rsync = { { "^@RSYNCD: (%d+)", product = "rsyncd", extrainfo = "protocol version %1",
  cpe = { "cpe:/a:samba:rsync" } } }
programs.svn = { { "", product = "Subversion", cpe = { "cpe:/a:apache:subversion" } } }
programs.mpd = { { "^OK MPD ([%d.]+)", product = "Music Player Daemon",
  extrainfo = "protocol %1" } }
programs.asterisk = { { "^Asterisk Call Manager/([%d.]+)", product = "Asterisk Call Manager",
  version = "%1", cpe = { "cpe:/a:digium:asterisk" } } }
programs.dict = { { "^220 [^\n]-dictd ([%d.]+)", product = "dictd", version = "%1" } }
programs.gpsd = { { '"release":"([%w.]+)', product = "gpsd", version = "%1",
  cpe = { "cpe:/a:gpsd_project:gpsd:%1" } } }
programs.nats = { { '"version":"([%w.+-]+)"', product = "NATS", version = "%1",
  cpe = { "cpe:/a:linuxfoundation:nats-server:%1" } } }
programs.munin = { { "", product = "Munin node" } }
programs.hylafax = { { "HylaFAX %(tm%) Version ([%w.]+)", product = "HylaFAX", version = "%1" } }
programs.teamspeak = { { "", product = "TeamSpeak 3 ServerQuery" } }
programs.ncacn_http = { { "^ncacn_http/([%d.]+)", product = "Microsoft Windows RPC over HTTP",
  version = "%1", ostype = "Windows", cpe = { windows } } }
programs["vmware-auth"] = { { "VMware Authentication Daemon Version ([%d.]+)",
  product = "VMware Authentication Daemon", version = "%1" } }
programs.frr = { { "Hello, this is FRRouting %(version ([%w.]+)", product = "FRRouting vty",
  version = "%1", cpe = { "cpe:/a:frrouting:frrouting:%1" } } }
programs.quagga = { { "Hello, this is Quagga %(version ([%w.]+)", product = "Quagga vty",
  version = "%1", cpe = { "cpe:/a:quagga:quagga:%1" } } }

-- What follows "Server: " (RFC 9110, section 10.2.4).
programs.http = {
  { "^nginx/([%d.]+)", product = "nginx", version = "%1", cpe = { "cpe:/a:f5:nginx:%1" } },
  { "^nginx", product = "nginx", cpe = { "cpe:/a:f5:nginx" } },
  { "^openresty/([%d.]+)", product = "OpenResty", version = "%1",
    cpe = { "cpe:/a:openresty:openresty:%1" } },
  { "^Apache%-Coyote/([%d.]+)", product = "Apache Tomcat/Coyote JSP engine", version = "%1",
    cpe = { "cpe:/a:apache:tomcat" } },
  -- behind it the modules that want to be named, with their versions
  { "^Apache/([%d.]+) (%([^)]+%)[^%c]*)", product = "Apache httpd", version = "%1", extrainfo = "%2",
    cpe = { "cpe:/a:apache:http_server:%1" } },
  { "^Apache/([%d.]+) *([^%c]*)", product = "Apache httpd", version = "%1", extrainfo = "%2",
    cpe = { "cpe:/a:apache:http_server:%1" } },
  { "^Apache$", product = "Apache httpd", cpe = { "cpe:/a:apache:http_server" } },
  { "^Microsoft%-IIS/([%d.]+)", product = "Microsoft IIS httpd", version = "%1",
    ostype = "Windows", cpe = { "cpe:/a:microsoft:internet_information_services:%1", windows } },
  { "^Microsoft%-HTTPAPI/([%d.]+)", product = "Microsoft HTTPAPI httpd", version = "%1",
    ostype = "Windows", cpe = { windows } },
  { "^lighttpd/([%d.]+)", product = "lighttpd", version = "%1",
    cpe = { "cpe:/a:lighttpd:lighttpd:%1" } },
  { "^Jetty%(([%w.%-]+)%)", product = "Jetty", version = "%1", cpe = { "cpe:/a:eclipse:jetty:%1" } },
  { "^SimpleHTTP/[%d.]+ Python/([%w.+]+)", product = "SimpleHTTPServer", extrainfo = "Python %1",
    cpe = { "cpe:/a:python:python:%1" } },
  { "^Werkzeug/([%w.]+) Python/([%w.+]+)", product = "Werkzeug httpd", version = "%1",
    extrainfo = "Python %2", cpe = { "cpe:/a:palletsprojects:werkzeug:%1" } },
  { "^CUPS/([%d.]+)", product = "CUPS", version = "%1", cpe = { "cpe:/a:openprinting:cups:%1" } },
  { "^Caddy", product = "Caddy httpd", cpe = { "cpe:/a:caddyserver:caddy" } },
  { "^GoAhead", product = "GoAhead WebServer", cpe = { "cpe:/a:embedthis:goahead" } },
  { "^Boa/([%w.]+)", product = "Boa httpd", version = "%1", cpe = { "cpe:/a:boa:boa:%1" } },
  { "^Hiawatha v([%d.]+)", product = "Hiawatha httpd", version = "%1",
    cpe = { "cpe:/a:hiawatha-webserver:hiawatha:%1" } },
  { "^squid/([%w.%-]+)", product = "Squid http proxy", version = "%1",
    cpe = { "cpe:/a:squid-cache:squid:%1" } },
  -- "name/1.2.3 more" of whoever it is, else all of it
  { "^([%w%-_.]+)/([%w%-_.]+)", product = "%1", version = "%2" },
  { "^(.+)$", product = "%1" },
}

local function expand(template, captures)
  return (string.gsub(template, "%%(%d)", function(digit)
    return captures[tonumber(digit)] or ""
  end))
end

-- The fields of an entry, with what was captured; empty ones are left out.
local function filled(entry, captures)
  local out = { cpe = {} }
  for key, template in pairs(entry) do
    if key ~= "cpe" and key ~= 1 then
      local text = expand(template, captures)
      out[key] = text ~= "" and text or nil
    end
  end
  for _, template in ipairs(entry.cpe or {}) do
    -- in a version, characters with a meaning of their own are quoted (CPE 2.3, 6.1.2.2)
    out.cpe[#out.cpe + 1] = (string.gsub(expand(template, captures), ":$", ""))
  end
  return out
end

-- Which program of a protocol it is: fields, without any when the text names none.
local function program(name, text)
  for _, entry in ipairs(programs[name] or {}) do
    local captures = { string.match(text, entry[1]) }
    if captures[1] then
      return filled(entry, captures)
    end
  end
  return { cpe = {} }
end

local function named(name, text)
  local info = program(name, text)
  info.name = name
  return info
end

-- Lines may come before the one that counts (RFC 4253, section 4.2).
local function ssh(text)
  local protocol, software = string.match("\n" .. text, "\nSSH%-([12]%.[%d]+)%-([^\r\n]*)")
  if not protocol then
    return nil
  end
  local info = named("ssh", software)
  info.extrainfo = (info.extrainfo and info.extrainfo .. "; " or "") .. "protocol " .. protocol
  return info
end

-- A packet of MySQL: length, number 0, then version 10 of the protocol and the server's, or an
-- error with its number (MySQL Internals, "Protocol::HandshakeV10", "ERR_Packet").
local function mysql(text)
  if #text < 7 or string.unpack("<I3", text) > #text - 4 or string.byte(text, 4) ~= 0 then
    return nil
  end
  local kind = string.byte(text, 5)
  if kind == 10 then
    local version = string.match(text, "^([%w.+~_:%-]+)%z", 6)
    local maria = version and (string.match(version, "^5%.5%.5%-([%d.]+)%-MariaDB")
      or string.match(version, "^([%d.]+)%-MariaDB"))
    if maria then
      return { name = "mysql", product = "MariaDB", version = maria,
        cpe = { "cpe:/a:mariadb:mariadb:" .. maria } }
    elseif version then
      return { name = "mysql", product = "MySQL", version = version,
        cpe = { "cpe:/a:oracle:mysql:" .. (string.match(version, "^[%d.]+") or "") } }
    end
  elseif kind == 255 and string.find(text, "is not allowed to connect to this M", 8, true) then
    return { name = "mysql", extrainfo = "unauthorized", cpe = {},
      product = string.find(text, "MariaDB", 8, true) and "MariaDB" or "MySQL" }
  end
end

-- Replies that begin with 220 (RFC 959, 5321 and others): what the text says it is, else what the
-- port is for.
local function ready(text, port_name)
  if not string.find(text, "^220[ %-]") then
    return nil
  end
  local upper = string.upper(text)
  for _, hint in ipairs({
    { "HYLAFAX", "hylafax" }, { "VMWARE AUTHENTICATION DAEMON", "vmware-auth" },
    { " DICTD ", "dict" }, { "LMTP", "lmtp" }, { "SMTP", "smtp" }, { "FTP", "ftp" },
  }) do
    if string.find(upper, hint[1], 1, true) then
      return named(hint[2], text)
    end
  end
  local name = ({ ftp = "ftp", ftps = "ftp", smtp = "smtp", smtps = "smtp", submission = "smtp",
    submissions = "smtp", lmtp = "lmtp" })[port_name]
  return name and named(name, text)
end

-- Protocols whose first words are theirs alone.
local shapes = {
  { "^RFB %d%d%d%.%d%d%d\n", "vnc" },
  { "^@RSYNCD: %d", "rsync" },
  { "^%( success %( %d", "svn" },
  { "^OK MPD %d", "mpd" },
  { "^Asterisk Call Manager/", "asterisk" },
  { "^%+OK", "pop3" },
  { "^%* OK", "imap" },
  { "^%* PREAUTH", "imap" },
  { "^20[01][ %-][^\n]*NNTP", "nntp" },
  { "^20[01][ %-][^\n]*InterNetNews", "nntp" },
  { '^"IMPLEMENTATION" "', "sieve" },
  { '^{"class":"VERSION","release":"', "gpsd" },
  { '^INFO {[^\n]*"server_id":"', "nats" },
  { "^# munin node at ", "munin" },
  { "^TS3[\r\n]", "teamspeak" },
  { "^ncacn_http/%d", "ncacn_http" },
  { "Hello, this is FRRouting ", "frr" },
  { "Hello, this is Quagga ", "quagga" },
  { "^:?%S* ?NOTICE AUTH :", "irc" },
  { "^:%S+ NOTICE %* :", "irc" },
  { "^\255[\251-\254]", "telnet" },
}

--- What the text is the greeting of: a table with `name` and as far as it is told `product`,
-- `version`, `extrainfo`, `ostype`, `devicetype`, and `cpe` (a list, maybe empty); nil when it is of
-- no protocol known here.  `port_name` is what the port is for, such as "ftp": it decides where the
-- words are those of several protocols.
function M.recognise(text, port_name)
  local info = ssh(text) or mysql(text) or ready(text, port_name)
  if info then
    return info
  end
  for _, shape in ipairs(shapes) do
    if string.find(text, shape[1]) then
      return named(shape[2], text)
    end
  end
end

--- What a web server's header `Server` says: a table as from `recognise`.
function M.web_server(header)
  return named("http", header)
end

--- Writes down what was recognised: the port's version, as hard as a product is known. `info`: as
-- from `recognise`; `over_tls`: it was said behind TLS.
function M.store(host, port, info, over_tls)
  local version = port.version
  for _, key in ipairs({ "name", "product", "version", "extrainfo", "ostype", "devicetype", "cpe" }) do
    version[key] = info[key]
  end
  if over_tls then
    version.service_tunnel = "ssl"
  end
  nmap.set_port_version(host, port, info.product and "hardmatched" or "softmatched")
end

-- Services whose servers speak first.
local first = {}
for _, name in ipairs({
  "ssh", "ftp", "ftps", "smtp", "smtps", "submission", "submissions", "lmtp", "imap", "imaps", "pop3",
  "pop3s", "nntp", "nntps", "mysql", "vnc", "rsync", "svn", "mpd", "asterisk", "dict", "gpsd",
  "munin", "hylafax", "telnet", "sieve", "vmware-auth", "frr", "quagga", "teamspeak", "nats",
}) do
  first[name] = true
end

--- Whether a server of this service greets its clients: silence of one says that it was too busy,
-- not that it is something else.
function M.is_expected(name)
  return first[tostring(name)] or false
end

--- Whether the text is whole: replies with a code go on while a hyphen follows it (RFC 5321, section
-- 4.2.1), other lines end.
function M.is_whole(text)
  if string.find(text, "^%d%d%d%-") then
    return string.find(text, "\n%d%d%d [^\n]*\n") ~= nil
  end
  return string.find(text, "^[%g\t ]*$") == nil
end

return M
