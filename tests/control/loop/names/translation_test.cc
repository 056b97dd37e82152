#include "control/loop/names/translation.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace warp::control {
namespace {

wire::IpAddress At(const std::string& text) { return *wire::IpAddress::Parse(text); }

std::string PrefixesOf(const std::vector<std::string>& texts) {
  std::vector<wire::IpAddress> addresses;
  for (const std::string& text : texts) addresses.push_back(At(text));
  std::string found;
  for (const wire::Nat64Prefix& prefix : PrefixesIn(addresses)) found += prefix.ToString() + " ";
  return found;
}

TEST(Translation, FindsEveryLength) {
  EXPECT_EQ(PrefixesOf({"64:ff9b::192.0.0.170", "64:ff9b::192.0.0.171"}), "64:ff9b::/96 ");
  for (const char* text :
       {"2001:db8::/32", "2001:db8:100::/40", "2001:db8:122::/48", "2001:db8:122:300::/56",
        "2001:db8:122:344::/64", "2001:db8:122:344::/96"}) {
    const std::string prefix = text;
    const size_t slash = prefix.find('/');
    const auto nat64 = wire::Nat64Prefix::Make(
        At(prefix.substr(0, slash)), static_cast<uint8_t>(std::stoi(prefix.substr(slash + 1))));
    ASSERT_TRUE(nat64);
    for (const char* known : {"192.0.0.170", "192.0.0.171"})
      EXPECT_EQ(PrefixesOf({nat64->Embed(At(known)).ToString()}), prefix + " ") << known;
  }
}

TEST(Translation, FindsNothingInOtherAddresses) {
  EXPECT_EQ(PrefixesOf({}), "");
  EXPECT_EQ(PrefixesOf({"192.0.0.170", "64:ff9b::192.0.0.172", "2001:db8::1", "::", "::1",
                        "::192.0.0.170", "::ffff:192.0.0.170", "ff02::192.0.0.170",
                        "fe80::192.0.0.170", "2001:db8:0:0:100::192.0.0.170"}),
            "");
}

// An operator's prefix may happen to hold the bytes of a known address. That both stand in one place decides.
TEST(Translation, APlaceThatHoldsBothComesFirst) {
  EXPECT_EQ(PrefixesOf({"2001:db8:c000:aa::192.0.0.170"}), "2001:db8:c000:aa::/96 ");
  // The first of these is behind /32 what the other two are behind /96.
  EXPECT_EQ(PrefixesOf({"2001:db8:c000:aa::", "2001:db9::192.0.0.170", "2001:db9::192.0.0.171"}),
            "2001:db9::/96 2001:db8::/32 ");
}

TEST(Translation, AFloodOfAddressesGivesAFewPrefixes) {
  std::vector<std::string> many;
  for (int i = 1; i < 200; ++i) many.push_back("2001:db8:" + std::to_string(i) + "::192.0.0.170");
  std::vector<wire::IpAddress> addresses;
  for (const std::string& text : many) addresses.push_back(At(text));
  EXPECT_EQ(PrefixesIn(addresses).size(), kMostPrefixes);
}

// A name server says whatever it likes.
TEST(Translation, ReadsAnyBytes) {
  std::mt19937 random(7);
  EXPECT_FALSE(ReadPrefixes({}).ok());
  for (int i = 0; i < 20'000; ++i) {
    std::vector<uint8_t> bytes(random() % 120);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random() % 4 == 0 ? random() : 0);
    const auto read = ReadPrefixes(bytes);
    EXPECT_LE(read.ok() ? read->size() : 0, kMostPrefixes);
  }
}

}  // namespace
}  // namespace warp::control
