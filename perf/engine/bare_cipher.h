// AES-256-GCM directly from the library, without engine and jobs. One call serves each packet of a burst. Sealing and
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
  // `header` points to 16 bytes of associated data. The text follows, and then room for the tag.
  void Seal(uint8_t* header, uint32_t text_size, uint64_t counter);
  void Open(uint8_t* header, uint32_t text_size, uint64_t counter);
  // Empty if the build has no ipsec-mb and libsodium takes its place.
  static std::string LibraryVersion();

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace warp::perf

#endif  // WARP_PERF_ENGINE_BARE_CIPHER_H_
