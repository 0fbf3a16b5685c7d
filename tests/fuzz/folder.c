/* Names of folders, which a client chooses: a clean one is one of its kind, and
 * whatever is found stands below the folders' directory. */

#include "spool/folder.h"
#include "spool/mailbox.h"
#include "target.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const directories[] = {"dir", "tree", "tree/new", "tree/cur",
                                          "tree/tmp"};
static const char *const files[] = {"work", "dir/a b", "tree/cur/1.a:2,S"};
static char root[64];

static void tear_down(void)
{
    static const char *const links[] = {"link", "dir/up"};
    char path[128];

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", root, files[i]);
        unlink(path);
    }
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        snprintf(path, sizeof path, "%s/%s", root, links[i]);
        unlink(path);
    }
    for (size_t i = sizeof directories / sizeof *directories; i > 0; i--) {
        snprintf(path, sizeof path, "%s/%s", root, directories[i - 1]);
        rmdir(path);
    }
    rmdir(root);
}

/* Files, a Maildir, and links that lead out. Returns the directory. */
static int set_up(void)
{
    snprintf(root, sizeof root, "/tmp/restante-folder-XXXXXX");
    MUST(mkdtemp(root) != NULL);
    atexit(tear_down);
    int at = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    MUST(at >= 0);
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++)
        MUST(mkdirat(at, directories[i], 0700) == 0);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        close(openat(at, files[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    MUST(symlinkat("/etc", at, "link") == 0);
    MUST(symlinkat("..", at, "dir/up") == 0);
    return at;
}

static void check_clean(const char *clean, size_t size)
{
    char again[600];

    MUST(strlen(clean) < size && clean[0] != '/' && clean[0] != '\0');
    MUST(clean[strlen(clean) - 1] != '/' && strstr(clean, "//") == NULL);
    MUST(strcmp(clean, "..") != 0 && strncmp(clean, "../", 3) != 0 &&
         strstr(clean, "/../") == NULL);
    MUST(folder_clean(clean, again, sizeof again) == 0 &&
         strcmp(clean, again) == 0);
}

/* A link would show as another path. */
static void check_found(int directory, const struct place *place)
{
    char link[64], path[256];

    snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
    ssize_t len = readlink(link, path, sizeof path - 1);
    MUST(len > 0);
    path[len] = '\0';
    MUST(strcmp(path, place->directory) == 0);
    MUST(strncmp(path, root, strlen(root)) == 0);
    MUST(strstr(path, "/cur") == NULL && strchr(place->name, '/') == NULL);
    MUST(place->format->tree == (strcmp(place->name, "tree") == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int at = -1;
    char name[600], clean[512];
    struct place place;

    if (at < 0)
        at = set_up();
    if (size >= sizeof name)
        return 0;
    memcpy(name, data, size);
    name[size] = '\0';
    if (folder_clean(name, clean, sizeof clean) < 0)
        return 0;
    check_clean(clean, sizeof clean);
    int directory = folder_find(at, root, clean, &place);
    if (directory < 0)
        return 0;
    check_found(directory, &place);
    close(directory);
    return 0;
}
