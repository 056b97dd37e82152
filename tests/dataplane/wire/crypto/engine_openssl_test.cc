// What OpenSSL's memory holds of keys.
#include <gtest/gtest.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "dataplane/wire/crypto/aead.h"

namespace warp::wire {
namespace {

// All memory of libcrypto goes through here, so that it can be looked into.
class OpensslMemory {
 public:
  OpensslMemory() { watched_ = CRYPTO_set_mem_functions(Allocate, Reallocate, Free) == 1; }
  static bool watched() { return watched_; }

  static bool Holds(const std::array<uint8_t, kKeySize>& bytes) {
    const std::lock_guard lock(mutex());
    return std::any_of(blocks().begin(), blocks().end(), [&](const auto& block) {
      const auto* const begin = static_cast<const uint8_t*>(block.first);
      const auto* const end = begin + block.second;
      return std::search(begin, end, bytes.begin(), bytes.end()) != end;
    });
  }

 private:
  // Never destroyed, because OpenSSL gives memory back when the process ends.
  static std::mutex& mutex() {
    static std::mutex& mutex = *new std::mutex;
    return mutex;
  }
  static std::map<void*, size_t>& blocks() {
    static auto& blocks = *new std::map<void*, size_t>;
    return blocks;
  }
  static void* Allocate(size_t size, const char*, int) {
    void* const block = std::malloc(size);
    const std::lock_guard lock(mutex());
    if (block != nullptr) blocks()[block] = size;
    return block;
  }
  static void* Reallocate(void* block, size_t size, const char*, int) {
    const std::lock_guard lock(mutex());
    blocks().erase(block);
    void* const moved = std::realloc(block, size);
    if (moved != nullptr) blocks()[moved] = size;
    return moved;
  }
  static void Free(void* block, const char*, int) {
    const std::lock_guard lock(mutex());
    blocks().erase(block);
    std::free(block);
  }
  static inline bool watched_ = false;
};
const OpensslMemory memory;

std::array<uint8_t, kKeySize> KeyBytes(uint8_t first) {
  std::array<uint8_t, kKeySize> bytes;
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(first + 37 * i);
  return bytes;
}

class OpensslEngineTest : public testing::TestWithParam<Cipher> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(OpensslMemory::watched());
    auto engine = MakeEngine(EngineKind::kOpenssl);
    ASSERT_TRUE(engine.ok()) << engine.status();
    engine_ = *std::move(engine);
    const std::vector<Cipher> ciphers = SupportedCiphers(EngineKind::kOpenssl);
    if (std::find(ciphers.begin(), ciphers.end(), GetParam()) == ciphers.end())
      GTEST_SKIP() << "this CPU has no AES";
  }
  std::unique_ptr<BulkKey> Make(uint8_t first) const {
    return std::make_unique<BulkKey>(GetParam(), SymmetricKey(KeyBytes(first)));
  }
  // Seals and opens a message; false: what came back is not what it was.
  bool Works(const BulkKey& key) {
    std::array<uint8_t, kMinSealedSize + 100> datagram{};
    for (const Direction direction : {Direction::kSeal, Direction::kOpen}) {
      AeadJob job{.key = &key,
                  .counter = 5,
                  .header = datagram.data(),
                  .text = datagram.data() + kDataHeaderSize,
                  .text_size = 100};
      AeadJob* done = nullptr;
      EXPECT_EQ(engine_->Submit(direction, {&job, 1}), 1u);
      EXPECT_EQ(engine_->Collect({&done, 1}), 1u);
      if (direction == Direction::kOpen && !job.authentic) return false;
    }
    return std::all_of(datagram.begin() + kDataHeaderSize, datagram.end() - kTagSize,
                       [](uint8_t byte) { return byte == 0; });
  }

  std::unique_ptr<AeadEngine> engine_;
};

INSTANTIATE_TEST_SUITE_P(Ciphers, OpensslEngineTest,
                         testing::Values(Cipher::kAes256Gcm, Cipher::kChaCha20Poly1305),
                         [](const auto& which) {
                           return which.param == Cipher::kAes256Gcm ? "Aes" : "ChaCha";
                         });

TEST_P(OpensslEngineTest, NothingIsLeftOfAKeyThatHasEnded) {
  std::unique_ptr<BulkKey> key = Make(1);
  const std::unique_ptr<BulkKey> other = Make(2);
  EXPECT_TRUE(Works(*key));
  EXPECT_TRUE(Works(*other));
  EXPECT_TRUE(OpensslMemory::Holds(KeyBytes(1)));  // else the test sees nothing
  key.reset();
  EXPECT_EQ(engine_->Submit(Direction::kOpen, {}), 0u);  // as an idle turn does
  EXPECT_FALSE(OpensslMemory::Holds(KeyBytes(1)));
  EXPECT_FALSE(OpensslMemory::Holds(KeyBytes(2)));
  EXPECT_TRUE(Works(*other));
  EXPECT_TRUE(Works(*Make(3)));
  EXPECT_TRUE(Works(*other));
  EXPECT_FALSE(OpensslMemory::Holds(KeyBytes(3)));
}

}  // namespace
}  // namespace warp::wire
