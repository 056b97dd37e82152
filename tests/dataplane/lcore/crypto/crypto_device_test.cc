// The engine of a DPDK device must equal every other engine. The test uses three software drivers: aesni_gcm finishes a
// job at once, aesni_mb gathers jobs and finishes them later, and openssl uses another library.
#include "dataplane/lcore/crypto/crypto_device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "dataplane/wire/message.h"
#include "tests/dataplane/lcore/network.h"

namespace warp::lcore {
namespace {

using wire::AeadJob;
using wire::Cipher;
using wire::Direction;

// Each device is opened once and stays for the life of the process, as in warpd.
std::shared_ptr<CryptoDevice> DeviceOf(const std::string& name) {
  static std::map<std::string, std::shared_ptr<CryptoDevice>> devices;
  std::shared_ptr<CryptoDevice>& device = devices[name];
  if (device == nullptr) {
    absl::StatusOr<std::shared_ptr<CryptoDevice>> opened = CryptoDevice::Open(name, 2);
    EXPECT_TRUE(opened.ok()) << opened.status();
    if (opened.ok()) device = *opened;
  }
  return device;
}

class EngineCryptodev : public testing::TestWithParam<std::tuple<std::string, Cipher>> {
 protected:
  void SetUp() override {
    const std::vector<Cipher> ciphers = wire::SupportedCiphers();
    if (std::find(ciphers.begin(), ciphers.end(), cipher()) == ciphers.end()) {
      GTEST_SKIP() << "this CPU has no AES";
    }
    device_ = DeviceOf(std::get<0>(GetParam()));
    ASSERT_NE(device_, nullptr);
    engine_ = *device_->MakeEngine(0);
    cpu_ = *wire::MakeEngine(wire::EngineKind::kSodium);
    wire::SetKeyDevice(device_.get());
    key_ = std::make_unique<wire::BulkKey>(cipher(), symmetric_);
    wire::SetKeyDevice(nullptr);
    // Without a device key, the test would only test the CPU.
    if (cipher() == Cipher::kAes256Gcm || std::get<0>(GetParam()) == "crypto_aesni_mb0") {
      ASSERT_NE(key_->device_key(), nullptr);
    }
    plain_key_ = std::make_unique<wire::BulkKey>(cipher(), symmetric_);
  }
  Cipher cipher() const { return std::get<1>(GetParam()); }

  // Returns a datagram with `size` bytes of text, and with room for the tag.
  static std::vector<uint8_t> Datagram(size_t size, uint64_t counter) {
    std::vector<uint8_t> datagram(wire::kMinSealedSize + size, 0xee);
    wire::WriteDataHeader({.receiver_index = 7, .counter = counter}, datagram.data());
    for (size_t i = 0; i < size; ++i) {
      datagram[wire::kDataHeaderSize + i] = static_cast<uint8_t>(i * 7 + counter);
    }
    return datagram;
  }
  static AeadJob JobFor(const wire::BulkKey& key, std::vector<uint8_t>& datagram,
                        uint64_t counter) {
    return {.key = &key,
            .counter = counter,
            .header = datagram.data(),
            .text = datagram.data() + wire::kDataHeaderSize,
            .text_size = static_cast<uint32_t>(datagram.size() - wire::kMinSealedSize)};
  }
  // Runs the jobs as a worker does. They must come back in their order.
  static void Run(wire::AeadEngine& engine, Direction direction, std::span<AeadJob> jobs) {
    AeadJob* done[32];
    size_t submitted = 0, collected = 0;
    while (collected < jobs.size()) {
      submitted += engine.Submit(direction, jobs.subspan(submitted));
      const size_t got = engine.Collect(done);
      for (size_t i = 0; i < got; ++i) ASSERT_EQ(done[i], &jobs[collected + i]);
      collected += got;
    }
    EXPECT_EQ(engine.Collect(done), 0u);
  }

  const wire::SymmetricKey symmetric_{std::array<uint8_t, wire::kKeySize>{1, 2, 3, 250, 99}};
  std::shared_ptr<CryptoDevice> device_;
  std::unique_ptr<wire::AeadEngine> engine_, cpu_;
  std::unique_ptr<wire::BulkKey> key_;        // a key that the device has
  std::unique_ptr<wire::BulkKey> plain_key_;  // a key made without a device, so the CPU has it
};
INSTANTIATE_TEST_SUITE_P(
    , EngineCryptodev,
    testing::Combine(testing::Values("crypto_aesni_gcm0", "crypto_aesni_mb0", "crypto_openssl0"),
                     testing::Values(Cipher::kAes256Gcm, Cipher::kChaCha20Poly1305)),
    [](const auto& i) {
      return std::get<0>(i.param) +
             (std::get<1>(i.param) == Cipher::kAes256Gcm ? "_aes" : "_chacha");
    });

constexpr size_t kSizes[] = {0, 1, 15, 16, 17, 64, 511, 1420, 8900};

TEST_P(EngineCryptodev, SealsAsTheOthers) {
  EXPECT_EQ(engine_->name(), "cryptodev " + std::get<0>(GetParam()));
  uint64_t counter = 0x123456789a;
  for (const size_t size : kSizes) {
    std::vector<uint8_t> ours = Datagram(size, ++counter), theirs = ours;
    AeadJob job = JobFor(*key_, ours, counter), reference = JobFor(*plain_key_, theirs, counter);
    Run(*engine_, Direction::kSeal, {&job, 1});
    Run(*cpu_, Direction::kSeal, {&reference, 1});
    EXPECT_EQ(ours, theirs) << size;
  }
}

TEST_P(EngineCryptodev, OpensWhatOthersSealedAndNothingElse) {
  for (const size_t size : kSizes) {
    const std::vector<uint8_t> plain = Datagram(size, size);
    std::vector<uint8_t> sealed = plain;
    AeadJob seal = JobFor(*plain_key_, sealed, size);
    Run(*cpu_, Direction::kSeal, {&seal, 1});
    std::vector<uint8_t> opened = sealed;
    AeadJob job = JobFor(*key_, opened, size);
    Run(*engine_, Direction::kOpen, {&job, 1});
    EXPECT_TRUE(job.authentic) << size;
    EXPECT_TRUE(std::equal(opened.begin(), opened.end() - wire::kTagSize, plain.begin())) << size;
    // Flips a bit of the header, of the text, and of the tag.
    for (const size_t bit : {size_t{33}, 8 * wire::kDataHeaderSize, 8 * sealed.size() - 1}) {
      std::vector<uint8_t> forged = sealed;
      forged[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      AeadJob bad = JobFor(*key_, forged, size);
      bad.authentic = true;
      Run(*engine_, Direction::kOpen, {&bad, 1});
      EXPECT_FALSE(bad.authentic) << size << " bit " << bit;
    }
  }
}

// The burst has more jobs than the queue holds, keys that the device has and others that it has not, and forged texts
// among good ones.
TEST_P(EngineCryptodev, KeepsTheOrderOfAnyMixture) {
  constexpr size_t kJobs = 700;
  std::vector<std::vector<uint8_t>> datagrams;
  std::vector<AeadJob> jobs, opens;
  for (size_t i = 0; i < kJobs; ++i) datagrams.push_back(Datagram(i * 13 % 1500, i));
  const auto key = [&](size_t i) -> const wire::BulkKey& {
    return i % 5 == 2 ? *plain_key_ : *key_;
  };
  for (size_t i = 0; i < kJobs; ++i) jobs.push_back(JobFor(key(i), datagrams[i], i));
  Run(*engine_, Direction::kSeal, jobs);
  for (size_t i = 0; i < kJobs; ++i) {
    if (i % 7 == 3) datagrams[i].back() ^= 1;
    opens.push_back(JobFor(key(i + 1), datagrams[i], i));
  }
  Run(*engine_, Direction::kOpen, opens);
  for (size_t i = 0; i < kJobs; ++i) {
    ASSERT_EQ(opens[i].authentic, i % 7 != 3) << i;
    if (!opens[i].authentic) continue;
    const std::vector<uint8_t> plain = Datagram(i * 13 % 1500, i);
    ASSERT_TRUE(std::equal(plain.begin(), plain.end() - wire::kTagSize, datagrams[i].begin())) << i;
  }
}

// More keys come and go than the device has sessions. The CPU serves the keys that the device cannot take.
TEST_P(EngineCryptodev, KeysGiveTheirSessionsBack) {
  wire::SetKeyDevice(device_.get());
  std::vector<std::unique_ptr<wire::BulkKey>> keys;
  for (int round = 0; round < 3; ++round) {
    keys.clear();
    for (int i = 0; i < 1500; ++i) {
      keys.push_back(std::make_unique<wire::BulkKey>(cipher(), symmetric_));
    }
    std::vector<uint8_t> ours = Datagram(100, 5), theirs = ours;
    AeadJob job = JobFor(*keys.back(), ours, 5), reference = JobFor(*plain_key_, theirs, 5);
    Run(*engine_, Direction::kSeal, {&job, 1});
    Run(*cpu_, Direction::kSeal, {&reference, 1});
    EXPECT_EQ(ours, theirs);
  }
  wire::SetKeyDevice(nullptr);
}

TEST(EngineCryptodevNodes, UnderstandThoseOfTheCpu) {
  Network net({.ports = 2, .workers = 2, .crypto_device = "crypto_aesni_gcm7"}, {.ports = 2});
  EXPECT_EQ(net.a().plane().engine_name(), "cryptodev crypto_aesni_gcm7");
  std::vector<std::string> there, back;
  for (const size_t size : {1, 64, 1400}) {
    there.push_back(std::string(size, 'x'));
    back.push_back(std::string(size, 'y'));
    net.a().Send(there.back());
    net.b().Send(back.back());
  }
  net.Settle();
  // They arrive in any order, since there are two workers.
  EXPECT_THAT(net.b().Received(), testing::UnorderedElementsAreArray(there));
  EXPECT_THAT(net.a().Received(), testing::UnorderedElementsAreArray(back));
}

TEST(EngineCryptodevNodes, AreToldWhatIsWrongWithADevice) {
  const absl::Status unknown = CryptoDevice::Open("crypto_nothing0", 1).status();
  EXPECT_THAT(std::string(unknown.message()),
              testing::HasSubstr("crypto_device crypto_nothing0: "));
  const absl::Status many = CryptoDevice::Open("crypto_openssl1,max_nb_queue_pairs=1", 2).status();
  EXPECT_EQ(many.message(), "cryptodev crypto_openssl1 has 1 queue pairs for 2 workers");
  const absl::Status none = CryptoDevice::Open("crypto_null0", 1).status();
  EXPECT_EQ(none.message(), "cryptodev crypto_null0 has neither AES-256-GCM nor ChaCha20-Poly1305");
  EXPECT_TRUE(IsPciCryptoDevice("0000:3d:01.0"));
  EXPECT_FALSE(IsPciCryptoDevice("crypto_aesni_gcm0"));
}

}  // namespace
}  // namespace warp::lcore
