/* The mbox under the fault battery: one file, all messages in a row. */

#include "faults.h"
#include "spool/mbox.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void lay_out(void)
{
    struct text all = {NULL, 0};

    for (unsigned i = 0; i < count; i++)
        all.len += messages[i].len;
    all.at = malloc(all.len);
    size_t at = 0;
    for (unsigned i = 0; i < count; i++) {
        memcpy(all.at + at, messages[i].at, messages[i].len);
        at += messages[i].len;
    }
    file_write(TOP, "mail", all.at, all.len);
    free(all.at);
}

static void deliver(void)
{
    int fd = open("top/mail", O_WRONLY | O_APPEND);
    const struct text *m = &messages[DELIVERY];

    if (fd < 0 || write(fd, m->at, m->len) != (ssize_t)m->len)
        abort();
    close(fd);
}

static struct text read_mail(void)
{
    struct text mail;
    struct stat st;
    int fd = open("top/mail", O_RDONLY);

    if (fd < 0 || fstat(fd, &st) < 0)
        abort();
    mail.len = (size_t)st.st_size;
    mail.at = malloc(mail.len + 1);
    if (read(fd, mail.at, mail.len) != (ssize_t)mail.len)
        abort();
    close(fd);
    return mail;
}

/* Knows nothing of separators or tables. */
static bool read_box(unsigned seen[])
{
    struct text mail = read_mail();
    size_t at = 0;
    int id = 0;

    while (at < mail.len &&
           (id = message_at(mail.at + at, mail.len - at)) >= 0) {
        seen[id]++;
        at += messages[id].len;
    }
    free(mail.at);
    return id >= 0;
}

/* Without the From_ line and the empty line at the end. */
static uint64_t wire(unsigned i)
{
    const struct text *m = &messages[i];
    const char *text = memchr(m->at, '\n', m->len);
    uint64_t octets = 0;

    for (const char *at = text + 1; at < m->at + m->len - 1; at++)
        octets += 1 + (*at == '\n');
    return octets;
}

/* As a mail reader does that found something in it: in place, without what the
 * first message took. */
static void meddle(void)
{
    struct text mail = read_mail();
    size_t cut = messages[0].len < mail.len ? messages[0].len : 0;

    file_write(TOP, "mail", mail.at + cut, mail.len - cut);
    free(mail.at);
}

const struct box mbox_box = {.name = "mbox",
                             .format = &mbox_format,
                             .moves = true,
                             .lay_out = lay_out,
                             .deliver = deliver,
                             .read = read_box,
                             .wire = wire,
                             .meddle = meddle};
