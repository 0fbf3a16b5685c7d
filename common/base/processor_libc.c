/* What the processor can, as glibc knows it. Runs in front and keeper. */

#include "base/processor.h"

#if defined(__x86_64__) && defined(__linux__)

#include <sys/platform/x86.h>

bool processor_is_wide(void)
{
    return CPU_FEATURE_ACTIVE(AVX2) && CPU_FEATURE_ACTIVE(BMI1) &&
           CPU_FEATURE_ACTIVE(BMI2) && CPU_FEATURE_ACTIVE(POPCNT);
}

#else

bool processor_is_wide(void)
{
    return false;
}

#endif
