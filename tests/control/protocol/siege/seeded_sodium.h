// Makes all that libsodium draws follow from a seed, so that a story with its keys, indices and challenges can be told
// again. One at a time; the system's source is back when it ends.
#ifndef WARP_TESTS_CONTROL_PROTOCOL_SIEGE_SEEDED_SODIUM_H_
#define WARP_TESTS_CONTROL_PROTOCOL_SIEGE_SEEDED_SODIUM_H_

#include <sodium.h>

#include <cstdint>
#include <random>

namespace warp::protocol {

class SeededSodium {
 public:
  explicit SeededSodium(uint64_t seed) {
    source().seed(seed);
    randombytes_set_implementation(&implementation_);
  }
  ~SeededSodium() { randombytes_set_implementation(&randombytes_sysrandom_implementation); }
  SeededSodium(const SeededSodium&) = delete;
  SeededSodium& operator=(const SeededSodium&) = delete;

 private:
  static std::mt19937_64& source() {
    static std::mt19937_64 source;
    return source;
  }
  static void Fill(void* const buffer, const size_t size) {
    auto* const bytes = static_cast<uint8_t*>(buffer);
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(source()() >> 8);
  }

  randombytes_implementation implementation_ = {
      .implementation_name = [] { return "seeded"; },
      .random = [] { return static_cast<uint32_t>(source()()); },
      .stir = nullptr,
      .uniform = nullptr,
      .buf = Fill,
      .close = nullptr,
  };
};

}  // namespace warp::protocol

#endif  // WARP_TESTS_CONTROL_PROTOCOL_SIEGE_SEEDED_SODIUM_H_
