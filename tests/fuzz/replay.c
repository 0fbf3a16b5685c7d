/* Runs a fuzz target over the files of a directory: every input that ever
 * mattered, in every test run. Exit 1 when there was none. */

#include "target.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

static int replay(const char *directory, const char *name)
{
    char path[4096];
    static uint8_t octets[1 << 20];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return -1;
    size_t len = fread(octets, 1, sizeof octets, file);
    fclose(file);
    /* A copy of exactly that size, so that a sanitizer sees the end. */
    uint8_t *exact = malloc(len + 1);
    for (size_t i = 0; i < len; i++)
        exact[i] = octets[i];
    LLVMFuzzerTestOneInput(exact, len);
    free(exact);
    return 0;
}

int main(int argc, char **argv)
{
    int done = 0;
    DIR *directory = argc == 2 ? opendir(argv[1]) : NULL;
    struct dirent *entry;

    if (directory == NULL) {
        fprintf(stderr, "usage: %s CORPUS\n", argv[0]);
        return 1;
    }
    while ((entry = readdir(directory)) != NULL)
        if (entry->d_name[0] != '.' && replay(argv[1], entry->d_name) == 0)
            done++;
    closedir(directory);
    return done > 0 ? 0 : 1;
}
