/* Commands of both protocols, before and after the login: the engine, the
 * tables and the handlers, with rooms that have gone. The first octet says
 * which protocol and which state, the rest is what the client sends. */

#include "base/clock.h"
#include "../../pop2d/pop2.h"
#include "../../pop3d/pop3.h"
#include "target.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    POP2 = 1,      /* bits of the first octet */
    LOGGED_IN = 2, /* in the state behind the login */
    READ_ONLY = 4,
    TRANSACTION = 2 /* the state behind it, in both tables */
};

static const char mail[] = "From a@example.org Mon Jan  5 10:00:00 2026\n"
                           "Subject: 1\n\n.one\nFrom me\n\n"
                           "From a@example.org Mon Jan  5 10:00:00 2026\n"
                           "Subject: 2\n\n..\r\n\n";

static int file_of(const void *octets, size_t size)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    MUST(fd >= 0 && write(fd, octets, size) == (ssize_t)size);
    MUST(lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

/* Two messages; their numbers are as a scan would find them. */
static void lend_maildrop(struct maildrop *m)
{
    const struct message messages[] = {
        {.start = 0, .from_len = 44, .length = 25, .wire = 29, .gap = 1},
        {.start = 70, .from_len = 44, .length = 16, .wire = 18, .gap = 1}};
    static struct table_writer w;
    struct stat st;

    MUST(table_write_start(&w) == 0);
    for (size_t i = 0; i < 2; i++)
        MUST(table_write(&w, &messages[i], sizeof messages[i]) == 0);
    int table = table_write_end(&w);
    MUST(table >= 0 && table_map(table, 2, &m->table) == 0);
    close(table);
    MUST(marks_make(&m->marks, 2) == 0);
    m->mail = file_of(mail, sizeof mail - 1);
    MUST(fstat(m->mail, &st) == 0);
    m->seen = snapshot_of(&st);
    m->writable = true;
    m->octets_left = m->table.octets;
}

static void log_in(struct session *s)
{
    s->logged_in = true;
    s->state = TRANSACTION;
    s->current = 1;
    maildrop_start(&s->maildrop, s->front.monitor);
    lend_maildrop(&s->maildrop);
}

static void check_and_free(struct session *s)
{
    struct maildrop *m = &s->maildrop;

    MUST(m->marks.marked <= m->table.count);
    MUST(m->octets_left <= m->table.octets);
    if (m->mail > 0)
        close(m->mail);
    table_unmap(&m->table);
    marks_free(&m->marks);
    free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct setup setup = {.login_ends = CLOCK_NEVER,
                          .patience = CLOCK_NEVER,
                          .plaintext = true,
                          .mechanisms = UINT32_MAX};
    struct session_terms terms = {0};
    int gone[2];

    if (size == 0)
        return 0;
    terms.protocol = data[0] & POP2 ? &pop2_protocol : &pop3_protocol;
    terms.read_only = (data[0] & READ_ONLY) != 0;
    MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, gone) == 0);
    close(gone[1]);
    setup.in = file_of(data + 1, size - 1);
    setup.out = open("/dev/null", O_WRONLY | O_CLOEXEC);
    struct session *s = calloc(1, sizeof *s);
    MUST(s != NULL);
    session_begin(s, &setup, &terms, gone[0]);
    s->stream.guards[0] = -1; /* nobody is there, and that is no end */
    if (data[0] & LOGGED_IN)
        log_in(s);
    session_serve(s);
    check_and_free(s);
    close(setup.in);
    close(setup.out);
    close(gone[0]);
    return 0;
}
