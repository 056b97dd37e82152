#include "dataplane/wire/nat64_prefix.h"

#include <gtest/gtest.h>

#include <string>

namespace warp::wire {
namespace {

IpAddress At(const std::string& text) { return *IpAddress::Parse(text); }

// RFC 6052, section 2.4.
TEST(Nat64PrefixTest, EmbedsAsTheStandardShows) {
  const struct {
    const char* prefix;
    uint8_t length;
    const char* embedded;
  } rows[] = {{"2001:db8::", 32, "2001:db8:c000:221::"},
              {"2001:db8:100::", 40, "2001:db8:1c0:2:21::"},
              {"2001:db8:122::", 48, "2001:db8:122:c000:2:2100::"},
              {"2001:db8:122:300::", 56, "2001:db8:122:3c0:0:221::"},
              {"2001:db8:122:344::", 64, "2001:db8:122:344:c0:2:2100::"},
              {"2001:db8:122:344::", 96, "2001:db8:122:344::192.0.2.33"},
              {"64:ff9b::", 96, "64:ff9b::192.0.2.33"}};
  for (const auto& row : rows) {
    const auto prefix = Nat64Prefix::Make(At(row.prefix), row.length);
    ASSERT_TRUE(prefix.has_value()) << row.prefix << "/" << int{row.length};
    const IpAddress embedded = prefix->Embed(At("192.0.2.33"));
    EXPECT_EQ(embedded, At(row.embedded)) << embedded.ToString();
    EXPECT_EQ(prefix->Extract(embedded), At("192.0.2.33"));
    EXPECT_EQ(prefix->Embed(embedded), embedded);
    EXPECT_EQ(prefix->Extract(At("2001:db9::1")), At("2001:db9::1"));
    EXPECT_EQ(prefix->Extract(At("192.0.2.33")), At("192.0.2.33"));
  }
}

TEST(Nat64PrefixTest, TakesNoOtherPrefix) {
  EXPECT_FALSE(Nat64Prefix::Make(At("64:ff9b::"), 95));
  EXPECT_FALSE(Nat64Prefix::Make(At("64:ff9b::"), 128));
  EXPECT_FALSE(Nat64Prefix::Make(At("64:ff9b::"), 0));
  EXPECT_FALSE(Nat64Prefix::Make(At("64:ff9b::1"), 96));
  EXPECT_FALSE(Nat64Prefix::Make(At("2001:db8:122:344:100::"), 96)) << "bits 64 to 71";
  EXPECT_FALSE(Nat64Prefix::Make(At("::"), 96));
  EXPECT_FALSE(Nat64Prefix::Make(At("10.0.0.0"), 96));
  EXPECT_FALSE(Nat64Prefix::Make(At("::ffff:0:0"), 96)) << "IPv4 itself";
  EXPECT_FALSE(Nat64Prefix::Make(At("ff02::"), 96));
  EXPECT_FALSE(Nat64Prefix::Make(At("fe80::"), 96));
}

TEST(Nat64PrefixTest, LeadsToPrivateAddressesOnlyWhereTheNetworkSaysSo) {
  const Nat64Prefix own = *Nat64Prefix::Make(At("2001:db8:64::"), 96);
  const Nat64Prefix well_known = Nat64Prefix::WellKnown();
  EXPECT_TRUE(well_known.Reaches(At("192.0.2.1")));
  for (const char* address :
       {"10.1.2.3", "172.31.0.1", "192.168.1.1", "100.64.0.1", "198.18.0.1"}) {
    EXPECT_FALSE(well_known.Reaches(At(address))) << address;
    EXPECT_TRUE(own.Reaches(At(address))) << address;
    // What nobody may have sent by it is no IPv4 address.
    const IpAddress forged = well_known.Embed(At(address));
    EXPECT_EQ(well_known.Extract(forged), forged);
  }
  for (const char* address : {"127.0.0.1", "169.254.1.1", "224.0.0.1", "0.0.0.0", "0.0.0.5",
                              "240.0.0.1", "255.255.255.255", "2001:db8::1"})
    EXPECT_FALSE(own.Reaches(At(address))) << address;
}

// What stands behind the IPv4 address, or in its middle, makes it another one.
TEST(Nat64PrefixTest, ExtractsFromNothingElse) {
  const Nat64Prefix prefix = *Nat64Prefix::Make(At("2001:db8:122:344::"), 64);
  for (const char* address :
       {"2001:db8:122:344:1c0:2:2100::", "2001:db8:122:344:c0:2:2100:1", "2001:db8:122:345::"}) {
    EXPECT_EQ(prefix.Extract(At(address)), At(address)) << address;
  }
}

}  // namespace
}  // namespace warp::wire
