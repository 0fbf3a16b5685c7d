/* The fields that other servers write into headers, read from a file as the
 * keeper reads them; and names of folders. */

#include "spool/folder.h"
#include "spool/header.h"
#include "spool/mbox_foreign.h"
#include "target.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void try_folder(const char *octets, size_t size)
{
    char name[512], clean[512], again[512];

    if (size >= sizeof name)
        size = sizeof name - 1;
    memcpy(name, octets, size);
    name[size] = '\0';
    if (folder_clean(name, clean, sizeof clean) < 0)
        return;
    MUST(clean[0] != '\0' && clean[0] != '/');
    MUST(strstr(clean, "//") == NULL && strcmp(clean, "..") != 0);
    MUST(strncmp(clean, "../", 3) != 0 && strstr(clean, "/../") == NULL);
    MUST(folder_clean(clean, again, sizeof again) == 0);
    MUST(strcmp(clean, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct foreign f = {.uid = 0};
    int fd = memfd_create("header", MFD_CLOEXEC);

    MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    MUST(header_read(fd, 0, size, foreign_take, &f) == 0);
    close(fd);
    MUST(memchr(f.uidl, '\0', sizeof f.uidl) != NULL);
    try_folder((const char *)data, size);
    return 0;
}
