#include "dataplane/wire/crypto/aead.h"

#include <gtest/gtest.h>
#include <sodium.h>

#include <algorithm>

#include "dataplane/wire/message.h"
#include "tests/dataplane/wire/hex.h"

namespace warp::wire {
namespace {

// Those that have this cipher here: libsodium has AES by instructions of x86 alone.
std::vector<std::unique_ptr<AeadEngine>> Engines(Cipher cipher) {
  std::vector<std::unique_ptr<AeadEngine>> engines;
  for (const EngineKind kind : kEngines) {
    const std::vector<Cipher> ciphers = SupportedCiphers(kind);
    if (std::find(ciphers.begin(), ciphers.end(), cipher) == ciphers.end()) continue;
    if (auto engine = MakeEngine(kind); engine.ok()) engines.push_back(*std::move(engine));
  }
  // On arm64 libsodium lacks AES, which handshakes offer: the one for all that are offered has it.
  if (!engines.empty()) engines.push_back(MakeEngineFor(SupportedCiphers()));
  return engines;
}

// Every engine must equal libsodium's functions. The next two tests show that those follow the standards.
std::vector<uint8_t> Reference(Cipher cipher, Bytes key, Bytes nonce, Bytes aad, Bytes text) {
  std::vector<uint8_t> sealed(text.size() + kTagSize);
  const auto encrypt = cipher == Cipher::kAes256Gcm ? crypto_aead_aes256gcm_encrypt
                                                    : crypto_aead_chacha20poly1305_ietf_encrypt;
  encrypt(sealed.data(), nullptr, text.data(), text.size(), aad.data(), aad.size(), nullptr,
          nonce.data(), key.data());
  return sealed;
}

bool HasReference(Cipher cipher) {
  return cipher != Cipher::kAes256Gcm || crypto_aead_aes256gcm_is_available() != 0;
}

bool HaveAes() {
  const std::vector<Cipher> ciphers = SupportedCiphers();
  return std::find(ciphers.begin(), ciphers.end(), Cipher::kAes256Gcm) != ciphers.end();
}

// Test case 16 of "The Galois/Counter Mode of Operation", which NIST SP 800-38D standardises.
TEST(AeadReference, IsAes256GcmOfNist) {
  if (!HasReference(Cipher::kAes256Gcm)) GTEST_SKIP() << "libsodium has no AES on this CPU";
  EXPECT_EQ(
      ToHex(Reference(Cipher::kAes256Gcm,
                      FromHex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"),
                      FromHex("cafebabefacedbaddecaf888"),
                      FromHex("feedfacedeadbeeffeedfacedeadbeefabaddad2"),
                      FromHex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                              "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"))),
      "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
      "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
      "76fc6ece0f4e1768cddf8853bb2d551b");
}

// The example of RFC 8439, section 2.8.2.
TEST(AeadReference, IsChaCha20Poly1305OfRfc8439) {
  const std::string text =
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
      "sunscreen would be it.";
  EXPECT_EQ(
      ToHex(Reference(Cipher::kChaCha20Poly1305,
                      FromHex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"),
                      FromHex("070000004041424344454647"), FromHex("50515253c0c1c2c3c4c5c6c7"),
                      {reinterpret_cast<const uint8_t*>(text.data()), text.size()})),
      "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
      "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
      "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
      "3ff4def08e4b7a9de576d26586cec64b6116"
      "1ae10b594f09e26a7e902ecbd0600691");
}

TEST(Aead, OffersWhatItRuns) {
  const std::vector<Cipher> ciphers = SupportedCiphers();
  ASSERT_FALSE(ciphers.empty());
  EXPECT_EQ(ciphers.back(), Cipher::kChaCha20Poly1305);
  EXPECT_EQ(CipherName(Cipher::kAes256Gcm), "aes-256-gcm");
  EXPECT_EQ(CipherName(Cipher::kChaCha20Poly1305), "chacha20-poly1305");
  EXPECT_EQ(MakeEngine(EngineKind::kSodium).value()->name(), "libsodium");
  ASSERT_TRUE(MakeEngine(EngineKind::kAuto).ok());
  const auto fast = MakeEngine(EngineKind::kIpsecMb), other = MakeEngine(EngineKind::kOpenssl);
  EXPECT_EQ(MakeEngine(EngineKind::kAuto).value()->name(), fast.ok()    ? "ipsec-mb"
                                                           : other.ok() ? "openssl"
                                                                        : "libsodium");
  if (!fast.ok()) {
    EXPECT_EQ(fast.status().code(), absl::StatusCode::kUnavailable);
  }
}

class AeadTest : public testing::TestWithParam<Cipher> {
 protected:
  void SetUp() override {
    if (GetParam() == Cipher::kAes256Gcm && !HaveAes()) GTEST_SKIP() << "this CPU has no AES";
  }

  static constexpr size_t kGuard = 64;  // bytes behind the tag that must stay untouched

  // Returns a datagram with `size` bytes of text, ready to be sealed, and with a guard behind it.
  static std::vector<uint8_t> Datagram(size_t size, uint64_t counter) {
    std::vector<uint8_t> datagram(kMinSealedSize + size + kGuard, 0xee);
    WriteDataHeader({.receiver_index = 0xa1b2c3d4, .counter = counter}, datagram.data());
    for (size_t i = 0; i < size; ++i) {
      datagram[kDataHeaderSize + i] = static_cast<uint8_t>(i * 7 + size);
    }
    return datagram;
  }
  AeadJob JobFor(std::vector<uint8_t>& datagram, uint64_t counter) const {
    return {.key = &key_,
            .counter = counter,
            .header = datagram.data(),
            .text = datagram.data() + kDataHeaderSize,
            .text_size = static_cast<uint32_t>(datagram.size() - kGuard - kMinSealedSize)};
  }
  static void Run(AeadEngine& engine, Direction direction, AeadJob& job) {
    ASSERT_EQ(engine.Submit(direction, {&job, 1}), 1u);
    AeadJob* done = nullptr;
    ASSERT_EQ(engine.Collect({&done, 1}), 1u);
    ASSERT_EQ(done, &job);
  }

  const SymmetricKey symmetric_{CountingBytes(0)};
  const BulkKey key_{GetParam(), symmetric_};
  const std::vector<std::unique_ptr<AeadEngine>> engines_ = Engines(GetParam());
};

INSTANTIATE_TEST_SUITE_P(Ciphers, AeadTest,
                         testing::Values(Cipher::kAes256Gcm, Cipher::kChaCha20Poly1305),
                         [](const auto& which) {
                           return which.param == Cipher::kAes256Gcm ? "Aes" : "ChaCha";
                         });

// These are the worked bytes of docs/wire-format.md. A third implementation (OpenSSL) computed them.
TEST_P(AeadTest, ExactBytes) {
  for (const auto& engine : engines_) {
    SCOPED_TRACE(std::string(engine->name()));
    std::vector<uint8_t> datagram =
        FromHex("01000000 44332211 0500000000000000 01000201 68656c6c6f");
    datagram.resize(datagram.size() + kTagSize + kGuard);
    AeadJob job = JobFor(datagram, 5);
    Run(*engine, Direction::kSeal, job);
    datagram.resize(datagram.size() - kGuard);
    EXPECT_EQ(
        ToHex(datagram),
        GetParam() == Cipher::kAes256Gcm
            ? "010000004433221105000000000000007f0d1a9c90fb662fb597a092f6e7ef6983d09e36cfd3467557"
            : "010000004433221105000000000000002208940b2d402b52e449a1905205ab8e98bfdb7cf5e0606225");
  }
}

TEST_P(AeadTest, EveryEngineSealsAlikeAndOpensTheOthers) {
  if (!HasReference(GetParam())) GTEST_SKIP() << "libsodium has no AES on this CPU";
  const uint64_t counters[] = {0, 1, 0xffffffff, 0x123456789, kCounterLimit - 1};
  for (size_t size = 0; size <= 9000; size += size < 300 ? 1 : 257) {
    const uint64_t counter = counters[size % 5];
    std::vector<uint8_t> nonce(12);
    for (size_t i = 0; i < 8; ++i) nonce[4 + i] = static_cast<uint8_t>(counter >> (8 * i));
    const std::vector<uint8_t> plain = Datagram(size, counter);
    const std::vector<uint8_t> expected =
        Reference(GetParam(), symmetric_.bytes(), nonce, Bytes(plain).first(kDataHeaderSize),
                  Bytes(plain).subspan(kDataHeaderSize, size));

    for (const auto& sealer : engines_) {
      std::vector<uint8_t> sealed = plain;
      AeadJob job = JobFor(sealed, counter);
      Run(*sealer, Direction::kSeal, job);
      ASSERT_TRUE(std::equal(expected.begin(), expected.end(), sealed.begin() + kDataHeaderSize))
          << sealer->name() << ' ' << size;
      ASSERT_TRUE(
          std::all_of(sealed.end() - kGuard, sealed.end(), [](uint8_t b) { return b == 0xee; }));

      for (const auto& opener : engines_) {
        std::vector<uint8_t> opened = sealed;
        job = JobFor(opened, counter);
        Run(*opener, Direction::kOpen, job);
        ASSERT_TRUE(job.authentic) << opener->name() << ' ' << size;
        // Everything but the tag has its first value again.
        ASSERT_TRUE(std::equal(plain.begin(), plain.end() - kGuard - kTagSize, opened.begin()));
        ASSERT_TRUE(
            std::all_of(opened.end() - kGuard, opened.end(), [](uint8_t b) { return b == 0xee; }));
      }
    }
  }
}

TEST_P(AeadTest, ATamperedBitAnywhereIsNotAuthentic) {
  for (const auto& engine : engines_) {
    for (const size_t size : {0, 1, 15, 16, 33, 200}) {
      std::vector<uint8_t> sealed = Datagram(size, 9);
      AeadJob job = JobFor(sealed, 9);
      Run(*engine, Direction::kSeal, job);
      for (size_t i = 0; i < sealed.size() - kGuard; ++i) {
        std::vector<uint8_t> tampered = sealed;
        tampered[i] ^= static_cast<uint8_t>(1u << (i % 8));
        job = JobFor(tampered, 9);
        Run(*engine, Direction::kOpen, job);
        ASSERT_FALSE(job.authentic) << engine->name() << " size " << size << " byte " << i;
      }
      std::vector<uint8_t> renumbered = sealed;
      job = JobFor(renumbered, 10);
      Run(*engine, Direction::kOpen, job);
      ASSERT_FALSE(job.authentic);
    }
  }
}

TEST_P(AeadTest, AnotherKeyOpensNothing) {
  const BulkKey other(GetParam(), SymmetricKey(CountingBytes(1)));
  for (const auto& engine : engines_) {
    std::vector<uint8_t> sealed = Datagram(100, 1);
    AeadJob job = JobFor(sealed, 1);
    Run(*engine, Direction::kSeal, job);
    job.key = &other;
    Run(*engine, Direction::kOpen, job);
    EXPECT_FALSE(job.authentic);
  }
}

TEST_P(AeadTest, ABurstOfMixedKeysKeepsItsOrder) {
  const BulkKey chacha(Cipher::kChaCha20Poly1305, SymmetricKey(CountingBytes(1)));
  for (const auto& engine : engines_) {
    std::vector<std::vector<uint8_t>> datagrams;
    std::vector<AeadJob> jobs;
    for (size_t i = 0; i < 40; ++i) datagrams.push_back(Datagram(i * 37, i));
    const auto plain = datagrams;
    for (size_t i = 0; i < 40; ++i) {
      jobs.push_back(JobFor(datagrams[i], i));
      if (i % 3 == 0) jobs.back().key = &chacha;
    }
    for (const Direction direction : {Direction::kSeal, Direction::kOpen}) {
      if (direction == Direction::kOpen) datagrams[7][20] ^= 1;
      ASSERT_EQ(engine->Submit(direction, jobs), jobs.size());
      // The jobs are collected in portions.
      std::vector<AeadJob*> done(jobs.size() + 5);
      size_t collected = 0;
      while (const size_t more = engine->Collect(std::span(done).subspan(
                 collected, std::min<size_t>(9, done.size() - collected)))) {
        collected += more;
      }
      ASSERT_EQ(collected, jobs.size());
      for (size_t i = 0; i < collected; ++i) ASSERT_EQ(done[i], &jobs[i]);
    }
    for (size_t i = 0; i < jobs.size(); ++i) {
      EXPECT_EQ(jobs[i].authentic, i != 7) << i;
      if (i == 7) continue;
      EXPECT_TRUE(
          std::equal(plain[i].begin(), plain[i].end() - kGuard - kTagSize, datagrams[i].begin()));
    }
  }
}

// An engine may keep what it expanded of a key, but not for as many keys as there may be, nor beyond their lives.
TEST_P(AeadTest, ManyKeysThatComeAndGo) {
  for (const auto& engine : engines_) {
    SCOPED_TRACE(std::string(engine->name()));
    std::vector<std::unique_ptr<BulkKey>> keys(200);
    for (size_t turn = 0; turn < 1000; ++turn) {
      const size_t which = turn * 77 % keys.size();
      // A key that goes leaves its memory to the next one.
      if (keys[which] == nullptr || turn % 3 == 0)
        keys[which] = std::make_unique<BulkKey>(
            GetParam(), SymmetricKey(CountingBytes(static_cast<uint8_t>(turn % 250))));
      std::vector<uint8_t> datagram = Datagram(50, turn);
      const std::vector<uint8_t> plain = datagram;
      AeadJob job = JobFor(datagram, turn);
      job.key = keys[which].get();
      Run(*engine, Direction::kSeal, job);
      Run(*engines_.front(), Direction::kOpen, job);
      ASSERT_TRUE(job.authentic) << turn;
      ASSERT_TRUE(std::equal(plain.begin(), plain.end() - kGuard - kTagSize, datagram.begin()));
      Run(*engines_.front(), Direction::kSeal, job);
      Run(*engine, Direction::kOpen, job);
      ASSERT_TRUE(job.authentic) << turn;
    }
  }
}

TEST_P(AeadTest, AFullQueueTakesTheFrontAndNoMore) {
  for (const auto& engine : engines_) {
    std::vector<std::vector<uint8_t>> datagrams;
    for (size_t i = 0; i < 1000; ++i) datagrams.push_back(Datagram(20, i));
    const auto plain = datagrams;
    std::vector<AeadJob> jobs;
    for (size_t i = 0; i < datagrams.size(); ++i) jobs.push_back(JobFor(datagrams[i], i));

    size_t submitted = engine->Submit(Direction::kSeal, jobs);
    ASSERT_GT(submitted, 0u);
    ASSERT_LT(submitted, jobs.size());
    EXPECT_EQ(datagrams[submitted], plain[submitted]);  // a job that was not taken is untouched
    EXPECT_EQ(engine->Submit(Direction::kSeal, std::span(jobs).subspan(submitted)), 0u);
    size_t collected = 0;
    while (collected < jobs.size()) {
      AeadJob* done[32];
      const size_t n = engine->Collect(done);
      for (size_t i = 0; i < n; ++i) ASSERT_EQ(done[i], &jobs[collected++]);
      submitted += engine->Submit(Direction::kSeal, std::span(jobs).subspan(submitted));
    }
    EXPECT_EQ(submitted, jobs.size());
  }
}

TEST(Aead, AnEmptyEngineHasNothingToCollect) {
  for (const auto& engine : Engines(Cipher::kChaCha20Poly1305)) {
    AeadJob* done[4];
    EXPECT_EQ(engine->Collect(done), 0u);
    EXPECT_EQ(engine->Submit(Direction::kSeal, {}), 0u);
  }
}

}  // namespace
}  // namespace warp::wire
