// AES-256-GCM as the library itself gives it, without engine and jobs: one call for each packet of a burst. Sealing and
// opening cannot be faster than this.
#ifndef WARP_PERF_ENGINE_BARE_CIPHER_H_
#define WARP_PERF_ENGINE_BARE_CIPHER_H_

#include <cstdint>
#include <memory>
#include <string>

namespace warp::perf {

class BareCipher {
 public:
  BareCipher();
  ~BareCipher();
  // `header`: 16 bytes of associated data, the text behind them, room for the tag at its end.
  void Seal(uint8_t* header, uint32_t text_size, uint64_t counter);
  void Open(uint8_t* header, uint32_t text_size, uint64_t counter);
  static std::string
  LibraryVersion();  // empty where the build has no ipsec-mb, and libsodium takes its place

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace warp::perf

#endif  // WARP_PERF_ENGINE_BARE_CIPHER_H_
