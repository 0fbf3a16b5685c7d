/*
 * From exec to the rooms: options, the client's descriptors, the log, and what
 * must be opened while the whole file system is in reach. Runs as whoever
 * started the program; reads nothing from the client.
 */

#include "serve/start.h"
#include "base/clock.h"
#include "base/stamp.h"
#include "base/trusted.h"
#include "rooms/monitor.h"
#include "serve/certificate.h"
#include "serve/listen.h"
#include "serve/options.h"
#include "serve/recover.h"
#include "serve/surroundings.h"
#include "serve/trial.h"
#include "spool/formats.h"
#include "version.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define ROOM_USER  "_restante"
#define ROOT_STATE "/var/lib/restante"
#define OWN_STATE  ".local/state/restante"
#define LIBEXEC    "../libexec/restante/"

struct startup {
    const struct protocol *protocol;
    struct options options;
    struct setup setup;
    struct secure secure;        /* the tls room, if it is born first */
    char warning[OPTIONS_ERROR]; /* of what is gone on without; "": nothing */
    char own_state[PATH_MAX];
    char error[OPTIONS_ERROR];
    char left_out[KEY_COUNT][OPTIONS_ERROR]; /* why a key cannot be used */
};

/* ---- the descriptors we were born with ---- */

/* Descriptors 0 to 2 must exist, or a file opened later would land there. */
static void fill_standard(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
}

/* Under inetd descriptor 2 is the client, too. A terminal is a person, who may
 * read anything. */
static bool stderr_is(int fd)
{
    struct stat a, b;

    return !isatty(STDERR_FILENO) && fstat(fd, &a) == 0 &&
           fstat(STDERR_FILENO, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino && !S_ISCHR(a.st_mode);
}

static bool stderr_is_client(const struct setup *s)
{
    return stderr_is(s->in) || stderr_is(s->out);
}

static void open_log(struct startup *u)
{
    struct log *log = &u->setup.log;
    const char *ident = u->protocol->program;

    if (u->options.log == LOG_CHOICE_STDERR && !stderr_is_client(&u->setup))
        log_to_stderr(log, ident);
    else if (u->options.log == LOG_CHOICE_AUTO &&
             getenv("JOURNAL_STREAM") != NULL)
        log_to_journal(log, ident);
    else
        log_to_syslog(log, ident);
}

/* ---- when something is wrong ---- */

static void tell_stderr(const struct startup *u)
{
    if (!stderr_is_client(&u->setup))
        fprintf(stderr, "%s: %s\n", u->protocol->program, u->error);
}

/* One line to the log and to standard error, one to the client; where there is
 * no client, standard error is enough. */
static int misconfigured(struct startup *u, int status)
{
    const char *text = u->protocol->misconfigured;

    if (u->options.action != ACTION_SERVE) {
        fprintf(stderr, "%s: %s\n", u->protocol->program, u->error);
        return status;
    }
    u->options.log = LOG_CHOICE_AUTO;
    open_log(u);
    log_line(&u->setup.log, LOG_ERR, "%s", u->error);
    tell_stderr(u);
    if (u->protocol->tls && u->options.tls)
        return status; /* who expects TLS cannot read it */
    if (write(u->setup.out, text, strlen(text)) < 0)
        return status; /* the client is gone: nothing more to say */
    return status;
}

static int complain(struct startup *u, const char *what, const char *why)
{
    snprintf(u->error, sizeof u->error, "%.120s: %.120s", what, why);
    return EX_CONFIG;
}

/* ---- what the options mean here ---- */

static int find_room_user(struct startup *u)
{
    u->setup.room_uid = getuid();
    u->setup.room_gid = getgid();
    if (geteuid() != 0)
        return 0;
    const struct passwd *pw = getpwnam(ROOM_USER);
    if (pw == NULL || pw->pw_uid == 0)
        return complain(u, "the system user " ROOM_USER " is missing",
                        "make it (see sysusers.d/restante.conf)");
    u->setup.room_uid = pw->pw_uid;
    u->setup.room_gid = pw->pw_gid;
    return 0;
}

/* Opens what lies beside this program: the build tree works like the
 * installed one. */
static int open_beside(struct startup *u, const char *relative, int flags,
                       int *fd)
{
    char path[PATH_MAX + 64];
    ssize_t len = readlink("/proc/self/exe", path, PATH_MAX);

    while (len > 0 && path[len - 1] != '/')
        len--;
    if (len <= 0)
        return complain(u, "/proc/self/exe", "cannot be read; mount /proc");
    strcpy(path + len, relative);
    *fd = open(path, O_PATH | O_CLOEXEC | flags);
    return *fd >= 0 ? 0 : complain(u, path, strerror(errno));
}

static int choose_state(struct startup *u)
{
    const char *home = getenv("HOME");

    if (u->options.state != NULL)
        u->setup.state = u->options.state;
    else if (geteuid() == 0)
        u->setup.state = ROOT_STATE;
    else if (home != NULL && home[0] == '/') {
        snprintf(u->own_state, sizeof u->own_state, "%s/" OWN_STATE, home);
        u->setup.state = u->own_state;
    }
    return 0;
}

/* Without its key a mechanism is not offered, and a line says why; the others
 * go on. */
static void leave_out(struct startup *u, enum key key, const char *what,
                      const char *why)
{
    snprintf(u->left_out[key], OPTIONS_ERROR, "%s: %.180s", what, why);
}

static void warn_of_left_out(const struct startup *u)
{
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (u->left_out[i][0] != '\0')
            log_line(&u->setup.log, LOG_WARNING, "warning: %s", u->left_out[i]);
}

static const char *why_not(int error)
{
    return error == EPERM ? "it must be a file of root's or yours that "
                            "nobody else can read: chmod 600"
                          : strerror(error);
}

/* The secret file is indispensable when passwords are checked against it;
 * otherwise only the mechanisms that need it are left out. */
static int choose_secrets(struct startup *u)
{
    const char *path = u->options.secrets;

    if (path == NULL)
        return 0;
    int fd = trusted_open(path, 077);
    if (fd >= 0) {
        close(fd);
        u->setup.keys[KEY_SECRETS] = path;
        return 0;
    }
    if ((u->setup.providers & PROVIDER_FILE) != 0)
        return complain(u, path, why_not(errno));
    complain(u, path, why_not(errno));
    leave_out(u, KEY_SECRETS,
              (u->setup.mechanisms & MECHANISM_BIT(MECHANISM_APOP)) != 0
                  ? "APOP, CRAM-MD5 and SCRAM are not offered"
                  : "the secret file is not used",
              u->error);
    return 0;
}

/* Others may share a keytab through its group. */
static void choose_keytab(struct startup *u)
{
    const char *path = u->options.keytab;

    if (path == NULL)
        return;
    int fd = trusted_open(path, 037);
    if (fd >= 0) {
        close(fd);
        u->setup.keys[KEY_KEYTAB] = path;
        return;
    }
    complain(u, path, why_not(errno));
    leave_out(u, KEY_KEYTAB, "GSSAPI is not offered", u->error);
}

/* Kerberos 4 is off until its key file is named. */
static void choose_kerberos4(struct startup *u)
{
    const char *path = u->options.kerberos4;
    const char *services = u->options.kerberos4_services;

    if (path == NULL)
        return;
    strcpy(u->setup.services, services[0] != '\0' ? services : "pop");
    int fd = trusted_open(path, 077);
    if (fd >= 0) {
        close(fd);
        u->setup.keys[KEY_KERBEROS4] = path;
        return;
    }
    complain(u, path, why_not(errno));
    leave_out(u, KEY_KERBEROS4, "KERBEROS_V4 is not offered", u->error);
}

static int choose_auth(struct startup *u)
{
    struct setup *s = &u->setup;
    const struct options *o = &u->options;

    s->providers = o->providers;
    if (s->providers == 0)
        s->providers = geteuid() == 0 ? PROVIDER_PAM : PROVIDER_FILE;
    s->service = o->pam_service != NULL ? o->pam_service : u->protocol->program;
    if ((s->providers & PROVIDER_FILE) != 0 && o->secrets == NULL)
        return complain(u, "--auth=file", "name the file with --secrets");
    s->mechanisms = u->protocol->mechanisms;
    choose_keytab(u);
    choose_kerberos4(u);
    return choose_secrets(u);
}

static int pack_domains(struct startup *u)
{
    char *to = u->setup.domains;
    const char *end = to + TEXT_DOMAINS - 1;

    for (const char *const *d = u->options.domains; *d != NULL; d++) {
        size_t len = strlen(*d) + 1;
        if (len > (size_t)(end - to))
            return complain(u, "--domain", "at most 2047 octets together");
        memcpy(to, *d, len);
        to += len;
    }
    return 0;
}

/* The programs that carry out what this protocol and these files offer. */
static int open_helpers(struct startup *u)
{
    struct setup *s = &u->setup;
    char path[64];

    for (size_t i = 0; i < HELPER_COUNT; i++)
        s->helpers[i] = -1;
    for (enum mechanism m = 0; m < MECHANISM_COUNT; m++) {
        enum helper helper = setup_helper(s, m);
        if (s->helpers[helper] >= 0 ||
            !mechanism_offered(m, s->mechanisms, s->keys, true))
            continue;
        snprintf(path, sizeof path, LIBEXEC "%s", helper_names[helper]);
        int status = open_beside(u, path, 0, &s->helpers[helper]);
        if (status != 0)
            return status;
    }
    return 0;
}

static void choose_times(struct startup *u)
{
    uint64_t seconds = u->options.login_timeout;

    if (isatty(u->setup.in) && !u->options.login_timeout_given)
        seconds = 0;
    u->setup.started = clock_ms();
    u->setup.login_ends = clock_in_seconds(seconds);
    u->setup.patience = u->options.timeout == 0
                            ? CLOCK_NEVER
                            : (int64_t)u->options.timeout * 1000;
}

/* A file that is not as it must be costs STLS, and no more than that; --tls and
 * --check cannot do without. */
static int choose_tls(struct startup *u)
{
    struct tls_terms *terms = &u->setup.tls;

    u->setup.tls_program = -1;
    if (!u->protocol->tls || u->options.action == ACTION_RECOVER)
        return 0;
    if (certificate_choose(terms, &u->options, u->error) < 0)
        return EX_CONFIG;
    if (terms->cert == NULL)
        return 0;
    if (certificate_look(terms, u->error) < 0) {
        if (terms->first || u->options.action != ACTION_SERVE)
            return EX_CONFIG;
        terms->offered = false;
        snprintf(u->warning, sizeof u->warning, "TLS is not offered: %.200s",
                 u->error);
        return 0;
    }
    return open_beside(u, LIBEXEC "tls", 0, &u->setup.tls_program);
}

/* Made here, so that neither front nor the client can choose it. */
static int make_stamp(struct startup *u)
{
    struct setup *s = &u->setup;
    char host[256] = "";

    if (!mechanism_offered(MECHANISM_APOP, s->mechanisms, s->keys, false))
        return 0;
    if (gethostname(host, sizeof host - 1) < 0 ||
        stamp_make(s->stamp, sizeof s->stamp, host) < 0)
        return complain(u, "APOP", strerror(errno));
    return 0;
}

/* A style that says nothing of any message would look like a move that went
 * well, until all clients have downloaded everything again. */
static int check_uidl(struct startup *u)
{
    const char *template = u->options.template;
    struct slice word = {template, strcspn(template, ":")};
    const struct mailbox_format *format = format_find(word);

    if (format == NULL || u->options.action == ACTION_RECOVER ||
        uidl_style_fits(&u->options.uidl, format->tree))
        return 0;
    return complain(u, "--uidl",
                    format->tree ? "a Maildir has no X-UIDL; leave it out"
                                 : "courier has no mbox; leave it out");
}

static int settle(struct startup *u)
{
    struct setup *s = &u->setup;
    int status;

    s->method = u->protocol->method;
    s->template = u->options.template;
    if (u->protocol->folders || u->options.action == ACTION_RECOVER)
        s->folders = u->options.folders;
    s->policy = &u->options.policy;
    s->read_only = u->options.read_only;
    s->uidl = u->options.uidl;
    if ((status = find_room_user(u)) != 0 || (status = choose_state(u)) != 0 ||
        (status = check_uidl(u)) != 0 || (status = choose_auth(u)) != 0 ||
        (status = pack_domains(u)) != 0 || (status = make_stamp(u)) != 0 ||
        (status = open_helpers(u)) != 0 || (status = choose_tls(u)) != 0 ||
        (status = open_beside(u, LIBEXEC "empty", O_DIRECTORY,
                              &s->empty_directory)) != 0)
        return status;
    choose_times(u);
    return 0;
}

/* ---- --check ---- */

/* What a connection does without is an error to him who asks. */
static int check_keys(struct startup *u)
{
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (u->left_out[i][0] != '\0') {
            memcpy(u->error, u->left_out[i], sizeof u->error);
            return EX_CONFIG;
        }
    return 0;
}

/* A key file that opens may still hold no key; only its program can tell. */
static int try_keys(struct startup *u)
{
    const struct setup *s = &u->setup;

    for (enum mechanism m = 0; m < MECHANISM_COUNT; m++) {
        enum key key = mechanism_rows[m].key;
        if (key != KEY_NONE && key != KEY_SECRETS &&
            mechanism_offered(m, s->mechanisms, s->keys, true) &&
            !trial_succeeds(s, m))
            return complain(u, s->keys[key], "it has no key that can be used");
    }
    return 0;
}

static int check_certificate(struct startup *u)
{
    if (u->setup.tls.cert == NULL)
        return 0;
    enum tls_key key =
        certificate_try(&u->secure, &u->setup, CLOCK_NEVER, u->error);
    return key == TLS_KEY_GOOD ? 0 : EX_CONFIG;
}

static const char *name_tls(const struct tls_terms *terms)
{
    return terms->cert == NULL ? "none"
           : terms->first      ? "from the first octet"
                               : "by STLS";
}

static int check(struct startup *u)
{
    int status = settle(u);

    if (status == 0)
        status = check_keys(u);
    if (status == 0)
        status = try_keys(u);
    if (status == 0)
        status = check_certificate(u);
    if (status != 0)
        return misconfigured(u, status);
    if (surroundings_look(&u->setup, u->protocol->program) > 0)
        return EX_CONFIG;
    printf("%s: the configuration is good\n"
           "maildrop %s\nauth%s%s\nstate %s\n",
           u->protocol->program, u->setup.template,
           u->setup.providers & PROVIDER_PAM ? " pam" : "",
           u->setup.providers & PROVIDER_FILE ? " file" : "",
           u->setup.state != NULL ? u->setup.state : "none");
    if (u->protocol->tls)
        printf("TLS %s\n", name_tls(&u->setup.tls));
    return 0;
}

/* ---- the rooms ---- */

/*
 * One write a reply is worth little when the kernel holds it back; and a client
 * that has vanished (its line cut, its host off) must not keep the session lock
 * for longer than about three minutes. Whatever is not TCP refuses all this.
 */
static void tune(int out)
{
    static const struct {
        int level, name, value;
    } settings[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},    {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, 120}, {IPPROTO_TCP, TCP_KEEPINTVL, 15},
        {IPPROTO_TCP, TCP_KEEPCNT, 4},
    };

    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        setsockopt(out, settings[i].level, settings[i].name, &settings[i].value,
                   sizeof settings[i].value);
}

/* The monitor lets the client go for good; what stood on 0 to 2 must not be
 * the client either. */
static void let_client_go(const struct setup *s)
{
    bool keep_stderr = !stderr_is_client(s);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (s->in > STDERR_FILENO)
        close(s->in);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    if (!keep_stderr)
        dup2(null, STDERR_FILENO);
    close(null);
}

static int divide(struct startup *u)
{
    const struct session_terms terms = {.protocol = u->protocol,
                                        .read_only = u->options.read_only,
                                        .timeout = u->options.timeout};
    pid_t self = getpid();
    int wire[2];

    if (frame_wire(wire) < 0)
        return misconfigured(u, complain(u, "socketpair", strerror(errno)));
    pid_t front = fork();
    if (front < 0)
        return misconfigured(u, complain(u, "fork", strerror(errno)));
    if (front == 0)
        session_live(&u->setup, &terms, wire[1], self);
    close(wire[1]);
    let_client_go(&u->setup);
    monitor_run(&u->setup, &u->secure, wire[0], front);
    return 0;
}

/* --tls: without the key nobody can be served, so it is looked at first. */
static int begin_tls(struct startup *u)
{
    if (!u->setup.tls.first)
        return 0;
    enum tls_key key =
        certificate_try(&u->secure, &u->setup, u->setup.login_ends, u->error);
    if (key == TLS_KEY_WARNING)
        snprintf(u->warning, sizeof u->warning, "TLS: %.240s", u->error);
    return key == TLS_KEY_UNUSABLE ? EX_CONFIG : 0;
}

static int recover(struct startup *u)
{
    int status = settle(u);

    if (status != 0)
        return misconfigured(u, status);
    open_log(u);
    return recover_all(&u->setup);
}

static int serve(struct startup *u)
{
    int status = settle(u);
    struct peer peer;

    if (status != 0)
        return misconfigured(u, status);
    if (peer_of(u->setup.in, &peer) < 0)
        return 0; /* the client has gone again */
    setup_meet(&u->setup, &peer);
    tune(u->setup.out);
    open_log(u);
    warn_of_left_out(u);
    if ((status = begin_tls(u)) != 0)
        return misconfigured(u, status);
    if (u->warning[0] != '\0')
        log_line(&u->setup.log, LOG_WARNING, "warning: %s", u->warning);
    return divide(u);
}

/* What we inherit must not matter: masks, dispositions, directory. */
static void forget_inheritance(void)
{
    sigset_t none;

    umask(077);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a size limit is an error like another */
    signal(SIGCHLD, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (chdir("/") < 0)
        abort();
}

/* Whoever chooses the options and the environment must be who runs it. */
static int refuse_lent_rights(struct startup *u)
{
    if (getuid() == geteuid() && getgid() == getegid())
        return 0;
    return complain(u, "it must not be set-user-ID or set-group-ID",
                    "chmod ug-s");
}

int start(const struct protocol *protocol, int argc, char **argv)
{
    struct startup *u = calloc(1, sizeof *u);

    if (u == NULL)
        return EX_OSERR;
    u->protocol = protocol;
    secure_start(&u->secure);
    fill_standard();
    forget_inheritance();
    int listening = listen_client(&u->setup.in, &u->setup.out);
    close_range(
        (unsigned)(u->setup.in > STDERR_FILENO ? u->setup.in : STDERR_FILENO) +
            1,
        ~0U, 0);
    int status = refuse_lent_rights(u);
    if (status == 0)
        status =
            options_read(&u->options, protocol->program, argc, argv, u->error);
    if (status == 0 && listening < 0)
        status = complain(u, "LISTEN_FDS",
                          "pass one descriptor (Accept=yes in the socket)");
    if (status != 0)
        return misconfigured(u, status);
    switch (u->options.action) {
    case ACTION_HELP:
        options_help(protocol->program);
        return 0;
    case ACTION_VERSION:
        printf("%s (restante) %s\n", protocol->program, VERSION);
        return 0;
    case ACTION_CHECK:
        return check(u);
    case ACTION_RECOVER:
        return recover(u);
    default:
        return serve(u);
    }
}
