/* The configuration file: it is read, or refused with a reason. */

#include "serve/options.h"
#include "target.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct options o = {.template = "mbox:/var/mail/%u"};
    char error[OPTIONS_ERROR] = "";
    char *text = malloc(size + 1);

    MUST(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    if (options_read_config(&o, text, error) < 0)
        MUST(error[0] != '\0');
    free(text);
    return 0;
}
