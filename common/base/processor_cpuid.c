/* What the processor can, as it says itself. Runs in front and keeper. */

#include "base/processor.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

enum {
    STATE_SSE_AVX = 6 /* of XCR0: the kernel keeps both kinds of register */
};

__attribute__((target("xsave"))) static bool kernel_keeps_registers(void)
{
    return (_xgetbv(0) & STATE_SSE_AVX) == STATE_SSE_AVX;
}

static bool ask(void)
{
    const unsigned basic = bit_OSXSAVE | bit_AVX | bit_POPCNT;
    const unsigned extended = bit_AVX2 | bit_BMI | bit_BMI2;
    unsigned a, b, c, d;

    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & basic) != basic)
        return false;
    return kernel_keeps_registers() &&
           __get_cpuid_count(7, 0, &a, &b, &c, &d) &&
           (b & extended) == extended;
}

/* Asked once: in a virtual machine the question leaves the guest, and takes as
 * long as a page of mail. */
bool processor_is_wide(void)
{
    static enum {
        UNASKED,
        NARROW,
        WIDE
    } known;

    if (known == UNASKED)
        known = ask() ? WIDE : NARROW;
    return known == WIDE;
}

#else

bool processor_is_wide(void)
{
    return false;
}

#endif
