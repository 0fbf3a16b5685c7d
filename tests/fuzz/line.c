/* The line reader: whatever arrives, lines come out whole, never over the
 * limit, and their octets add up; and in pieces they are the same octets. */

#include "base/clock.h"
#include "net/stream.h"
#include "target.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The pieces of each line, put together, are the line without its end. */
static void read_pieces(struct stream *s, const uint8_t *data, size_t size)
{
    const char *at = (const char *)data, *end = at + size;
    struct slice piece;
    bool more;

    for (;;) {
        const char *lf = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
        if (lf == NULL)
            return;
        const char *stop = lf > at && lf[-1] == '\r' ? lf - 1 : lf;
        do {
            MUST(stream_piece(s, 7, CLOCK_NEVER, &piece, &more) == STREAM_LINE);
            MUST(piece.len <= 7 && (size_t)(stop - at) >= piece.len &&
                 memcmp(piece.at, at, piece.len) == 0);
            at += piece.len;
        } while (more);
        MUST(at == stop);
        at = lf + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stream *s = malloc(sizeof *s);
    int in = memfd_create("in", MFD_CLOEXEC);
    int out = memfd_create("out", MFD_CLOEXEC);
    size_t lines = 0, newlines = 0;
    struct slice line;

    MUST(s != NULL && in >= 0 && out >= 0);
    MUST(write(in, data, size) == (ssize_t)size);
    lseek(in, 0, SEEK_SET);
    for (size_t i = 0; i < size; i++)
        newlines += data[i] == '\n';
    stream_start(s, in, out);
    for (;;) {
        enum stream_event event = stream_line(s, 255, CLOCK_NEVER, &line);
        if (event != STREAM_LINE && event != STREAM_LONG)
            break;
        if (event == STREAM_LINE)
            MUST(line.len < 255 && memchr(line.at, '\n', line.len) == NULL);
        lines++;
    }
    MUST(lines == newlines && s->received == size);
    lseek(in, 0, SEEK_SET);
    stream_start(s, in, out);
    read_pieces(s, data, size);
    close(in);
    close(out);
    free(s);
    return 0;
}
