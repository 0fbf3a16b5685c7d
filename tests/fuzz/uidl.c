/* Styles of UIDLs: a pattern that is accepted gives a UIDL for all numbers. */

#include "spool/uidl.h"
#include "target.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct uidl_style style;
    char text[256], slot[UIDL_SLOT];
    uint32_t numbers[2];

    if (size < sizeof numbers || size - sizeof numbers >= sizeof text)
        return 0;
    memcpy(numbers, data, sizeof numbers);
    memcpy(text, data + sizeof numbers, size - sizeof numbers);
    text[size - sizeof numbers] = '\0';
    if (uidl_style_parse(text, &style) < 0 || style.source != UIDL_NUMBERS)
        return 0;
    if (uidl_fill(&style, numbers[0], numbers[1], slot) < 0)
        return 0;
    size_t len = strnlen(slot, sizeof slot);
    MUST(len >= 1 && len <= UIDL_MOST);
    for (size_t i = 0; i < len; i++)
        MUST(slot[i] >= 0x21 && slot[i] <= 0x7e);
    return 0;
}
