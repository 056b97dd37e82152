// A fuzz target is a function that takes any bytes. It returns, or stops the process if a promise is broken.
//
// Each target is built twice: with replay.cc, to run its corpus in the normal test suite, and, where the compiler is
// clang, as a libFuzzer program.
#ifndef WARP_TESTS_FUZZ_FUZZ_TARGET_H_
#define WARP_TESTS_FUZZ_FUZZ_TARGET_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

// Checks the condition in every build, with NDEBUG too.
#define WARP_FUZZ_CHECK(condition)                                                 \
  do {                                                                             \
    if (!(condition)) {                                                            \
      std::fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                \
    }                                                                              \
  } while (false)

#endif  // WARP_TESTS_FUZZ_FUZZ_TARGET_H_
