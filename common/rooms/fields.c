/* Fields of a log line. Runs in the monitor. The line is its own, but holds
 * names that strangers made up: log_quote() has left no space and no quotation
 * mark in them, so that none can end early and be taken for another field. */

#include "rooms/fields.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

struct fields {
    struct iovec *out;
    size_t count;
    char *to, *end;
};

/* Writes PREFIX, name and value; names are made as the journal wants them. */
static void add(struct fields *f, const char *name, size_t name_len,
                const char *value, size_t value_len)
{
    static const char prefix[] = "POP_";
    size_t len = sizeof prefix - 1 + name_len + 1 + value_len;

    if (f->count == FIELDS_MAX || len > (size_t)(f->end - f->to))
        return;
    f->out[f->count++] = (struct iovec){f->to, len};
    memcpy(f->to, prefix, sizeof prefix - 1);
    f->to += sizeof prefix - 1;
    for (size_t i = 0; i < name_len; i++)
        *f->to++ = (char)toupper((unsigned char)name[i]);
    *f->to++ = '=';
    memcpy(f->to, value, value_len);
    f->to += value_len;
}

static size_t name_length(const char *word)
{
    size_t len = strspn(word, "abcdefghijklmnopqrstuvwxyz");

    return word[len] == '=' ? len : 0;
}

/* Takes one word; returns where the next begins. */
static const char *take_word(struct fields *f, const char *word)
{
    size_t name = name_length(word);
    const char *value = word + name + 1;
    bool quoted = name > 0 && *value == '"';

    if (quoted)
        value++;
    if (name > 0)
        add(f, word, name, value, strcspn(value, quoted ? "\"" : " "));
    word += strcspn(word, " ");
    return word + strspn(word, " ");
}

static const char *take_event(struct fields *f, const char *line)
{
    const char *colon = line + strspn(line, "abcdefghijklmnopqrstuvwxyz ");

    if (strncmp(colon, ": ", 2) != 0)
        return line;
    add(f, "event", 5, line, (size_t)(colon - line));
    if (f->count > 0)
        for (char *c = f->to - (colon - line); c < f->to; c++)
            if (*c == ' ')
                *c = '-';
    return colon + 2;
}

size_t fields_of(const char *line, struct iovec *out, char *room)
{
    struct fields f = {.out = out, .to = room, .end = room + FIELDS_OCTETS};

    line = take_event(&f, line);
    while (*line != '\0')
        line = take_word(&f, line);
    return f.count;
}
