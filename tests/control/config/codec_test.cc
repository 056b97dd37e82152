#include "control/config/schema/codec.h"

#include <gtest/gtest.h>

namespace warp::config {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

// Reads `text` with `codec`. Returns the accepted value as the codec would write it, or the message of the refusal.
template <typename T>
std::string Read(const Codec<T>& codec, absl::string_view text) {
  const absl::StatusOr<T> value = codec.read(text);
  return value.ok() ? codec.write(*value) : std::string(value.status().message());
}

TEST(CodecTest, WholeNumbers) {
  const Codec<uint16_t> codec = WholeNumber<uint16_t>(1, 65535, "UDP port");
  EXPECT_EQ(codec.type, "1 to 65535");
  EXPECT_EQ(codec.unit, "UDP port");
  EXPECT_EQ(Read(codec, "1"), "1");
  EXPECT_EQ(Read(codec, "65535"), "65535");
  for (const char* bad : {"0", "65536", "-1", "+1", "01", "1.0", "0x10", "1e3", " 1", "1 ", "",
                          "99999999999999999999999"}) {
    EXPECT_EQ(Read(codec, bad), Quote(bad) + " is not a whole number from 1 to 65535");
  }
  EXPECT_EQ(Read(WholeNumber<uint16_t>(0, 9), "0"), "0");
}

TEST(CodecTest, PowersOfTwo) {
  const Codec<uint32_t> codec = PowerOfTwo(1024, 4096, "counters");
  EXPECT_EQ(Read(codec, "1024"), "1024");
  EXPECT_EQ(Read(codec, "4096"), "4096");
  for (const char* bad : {"512", "8192", "1025", "x"}) {
    EXPECT_EQ(Read(codec, bad), Quote(bad) + " is not a power of two from 1024 to 4096");
  }
}

TEST(CodecTest, Durations) {
  const Codec<nanoseconds> codec = DurationText(milliseconds(1), hours(1));
  EXPECT_EQ(codec.read("250ms").value(), milliseconds(250));
  EXPECT_EQ(codec.read("2s").value(), seconds(2));
  EXPECT_EQ(codec.read("5m").value(), minutes(5));
  EXPECT_EQ(codec.read("1h").value(), hours(1));
  EXPECT_EQ(codec.read("1500us").value(), microseconds(1500));
  for (const char* bad :
       {"", "5", "s", "1.5s", "-1s", "5 s", "5S", "5min", "99999999999999999999s", "9999999999h"}) {
    EXPECT_EQ(Read(codec, bad), Quote(bad) + " is not a duration such as 250ms, 2s or 1m");
  }
  EXPECT_EQ(Read(codec, "999us"), "\"999us\" is not from 1ms to 1h");
  EXPECT_EQ(Read(codec, "2h"), "\"2h\" is not from 1ms to 1h");
}

TEST(CodecTest, DurationsAreWrittenInTheUnitThatSaysMost) {
  EXPECT_EQ(WriteDuration(seconds(120)), "120s");
  EXPECT_EQ(WriteDuration(seconds(135)), "135s");
  EXPECT_EQ(WriteDuration(minutes(10)), "10m");
  EXPECT_EQ(WriteDuration(hours(2)), "2h");
  EXPECT_EQ(WriteDuration(milliseconds(1500)), "1500ms");
  EXPECT_EQ(WriteDuration(microseconds(20)), "20us");
}

TEST(CodecTest, Memory) {
  const Codec<uint32_t> codec = Mebibytes(16, 4096);
  EXPECT_EQ(codec.read("256MiB").value(), 256u);
  EXPECT_EQ(codec.read("4GiB").value(), 4096u);
  EXPECT_EQ(Read(codec, "2048MiB"), "2GiB");
  for (const char* bad : {"256", "256MB", "8MiB", "5GiB", "MiB"}) {
    EXPECT_EQ(Read(codec, bad), Quote(bad) + " is not an amount of memory from 16MiB to 4GiB");
  }
}

TEST(CodecTest, Choices) {
  const Codec<bool> codec = Choice<bool>({{"busy", true}, {"adaptive", false}});
  EXPECT_EQ(codec.read("busy").value(), true);
  EXPECT_EQ(Read(codec, "adaptive"), "adaptive");
  EXPECT_EQ(Read(codec, "bussy"), "\"bussy\" is not one of busy, adaptive, did you mean \"busy\"?");
  EXPECT_EQ(Read(codec, "Busy"), "\"Busy\" is not one of busy, adaptive, did you mean \"busy\"?");
  EXPECT_EQ(Read(codec, "never"), "\"never\" is not one of busy, adaptive");
}

TEST(CodecTest, OptionalValues) {
  const auto word = Optional(WholeNumber<int>(0, 9), "auto");
  EXPECT_EQ(word.type, "auto, or 0 to 9");
  EXPECT_EQ(word.read("auto").value(), std::nullopt);
  EXPECT_EQ(word.read("3").value(), 3);
  EXPECT_EQ(word.write(std::nullopt), "auto");
  EXPECT_EQ(Read(word, "10"), "\"10\" is not a whole number from 0 to 9");
  const auto silent = Optional(WholeNumber<int>(0, 9));
  EXPECT_EQ(silent.type, "0 to 9");
  EXPECT_EQ(silent.write(std::nullopt), "");
  EXPECT_FALSE(silent.read("").ok());
}

TEST(CodecTest, Words) {
  EXPECT_EQ(Read(Name(), "wan0"), "wan0");
  EXPECT_EQ(Read(Name(), std::string(64, 'a')), std::string(64, 'a'));
  for (const std::string& bad : {std::string(), std::string("-a"), std::string("a b"),
                                 std::string("a/b"), std::string(65, 'a')}) {
    EXPECT_FALSE(Name().read(bad).ok()) << bad;
  }
  EXPECT_EQ(Read(InterfaceName(), "eth0.100"), "eth0.100");
  for (const char* bad : {"", ".", "..", "a/b", "a:b", "a b", "sixteen-letters-"}) {
    EXPECT_FALSE(InterfaceName().read(bad).ok()) << bad;
  }
  EXPECT_EQ(Read(PciAddress(), "0000:3B:00.7"), "0000:3b:00.7");
  for (const char* bad : {"", "3b:00.0", "0000:3b:00.8", "0000:3g:00.0", "0000:3b:00.0 "}) {
    EXPECT_FALSE(PciAddress().read(bad).ok()) << bad;
  }
  EXPECT_EQ(Read(Devargs(), "net_memif0,role=server,id=0"), "net_memif0,role=server,id=0");
  for (const char* bad : {"", "net_", "net_,a=b", "memif0", "net_ring0 --bad", "crypto_aesni_mb"}) {
    EXPECT_FALSE(Devargs().read(bad).ok()) << bad;
  }
  EXPECT_EQ(Read(FilePath(), "keys/private.key"), "keys/private.key");
  for (const absl::string_view bad :
       {absl::string_view(), absl::string_view("/etc/"), absl::string_view("a\0b", 3)}) {
    EXPECT_FALSE(FilePath().read(bad).ok()) << bad;
  }
}

TEST(CodecTest, Addresses) {
  EXPECT_EQ(Read(EndpointText(), "[::1]:9000"), "[::1]:9000");
  EXPECT_EQ(Read(EndpointText(), "127.0.0.1"),
            "\"127.0.0.1\" is not an address and port such as 192.0.2.1:13116 or [::1]:13116");
  EXPECT_EQ(Read(UnderlayHostPort(), "hq.example:1"), "hq.example:1");
  for (const char* bad : {"127.0.0.1:1", "0.0.0.0:1", "[::]:1", "[::1]:1", "224.0.0.1:1",
                          "[ff02::1]:1", "255.255.255.255:1", "0.1.2.3:1", "240.0.0.1:1"}) {
    EXPECT_EQ(Read(UnderlayHostPort(), bad),
              Quote(bad) + " cannot be the address of another machine");
  }
}

// A tool that writes YAML 1.1 writes 0660 as 432: as octal that would let others write.
TEST(CodecTest, ModesAreOctalForEverybody) {
  EXPECT_EQ(Read(OctalMode(0777), "0660"), "0660");
  EXPECT_EQ(Read(OctalMode(0777), "0o640"), "0640");
  for (const char* text : {"432", "660", "384"}) {
    EXPECT_EQ(Read(OctalMode(0777), text),
              Quote(text) + " has no 0 in front, and might be decimal: write 0660 for rw-rw----");
  }
  for (const char* text : {"", "0", "66", "0o66", "0668", "00660", "1660", "-660"}) {
    EXPECT_EQ(Read(OctalMode(0777), text),
              Quote(text) + " is not a file's mode such as 0660: three octal digits");
  }
}

TEST(CodecTest, PublicKeys) {
  const std::string key = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";
  EXPECT_EQ(Read(PublicKeyText(), key), key);
  for (const std::string& bad : {std::string(), key.substr(1), key + "=",
                                 std::string("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")}) {
    EXPECT_EQ(Read(PublicKeyText(), bad),
              Quote(bad) + " is not a public key: 44 characters of base64");
  }
  // The points 1 and p - 1, of orders 4 and 2: whatever the private key, the shared secret is zero.
  for (const std::string bad : {"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
                                "7P///////////////////////////////////////38="}) {
    EXPECT_EQ(Read(PublicKeyText(), bad),
              Quote(bad) + " is no private key's public key: nobody can have it");
  }
}

}  // namespace
}  // namespace warp::config
