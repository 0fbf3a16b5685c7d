#ifndef BASE_PROCESSOR_H
#define BASE_PROCESSOR_H

#include <stdbool.h>

/*
 * May AVX2 be used, with BMI1, BMI2 and POPCNT beside it? On what is not
 * x86-64 it may not. processor_libc.c asks the C library, which asked the
 * processor when the program began; processor_cpuid.c asks the processor, once,
 * for a library that does not.
 */
bool processor_is_wide(void);

#endif
