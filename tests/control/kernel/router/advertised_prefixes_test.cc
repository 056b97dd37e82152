#include "control/kernel/router/advertised_prefixes.h"

#include <gtest/gtest.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

namespace warp::control {
namespace {

using namespace std::chrono_literals;
using Option = std::vector<uint8_t>;

constexpr wire::Instant kStart{1000s};

// An option as RFC 8781 has it. `tail`: the last of the 12 bytes of the prefix.
Option Pref64(uint16_t lifetime, uint8_t code, std::vector<uint8_t> prefix) {
  Option option = {38, 2, static_cast<uint8_t>(lifetime >> 8),
                   static_cast<uint8_t>((lifetime & 0xf8) | code)};
  prefix.resize(12);
  option.insert(option.end(), prefix.begin(), prefix.end());
  return option;
}

// What the kernel makes of options.
class Message {
 public:
  explicit Message(const Option& options, int index = 3) : bytes_(kHead + options.size()) {
    nlmsghdr header{.nlmsg_len = static_cast<uint32_t>(bytes_.size()),
                    .nlmsg_type = RTM_NEWNDUSEROPT};
    nduseroptmsg body{};
    body.nduseropt_family = AF_INET6;
    body.nduseropt_opts_len = static_cast<uint16_t>(options.size());
    body.nduseropt_ifindex = index;
    body.nduseropt_icmp_type = 134;
    std::memcpy(bytes_.data(), &header, sizeof(header));
    std::memcpy(bytes_.data() + NLMSG_HDRLEN, &body, sizeof(body));
    std::copy(options.begin(), options.end(), bytes_.begin() + kHead);
  }
  nlmsghdr* get() { return reinterpret_cast<nlmsghdr*>(bytes_.data()); }
  nduseroptmsg* body() { return reinterpret_cast<nduseroptmsg*>(bytes_.data() + NLMSG_HDRLEN); }

 private:
  static constexpr size_t kHead = NLMSG_HDRLEN + sizeof(nduseroptmsg);
  std::vector<uint8_t> bytes_;
};

std::string TextOf(const std::vector<wire::Nat64Prefix>& prefixes) {
  std::string text;
  for (const wire::Nat64Prefix& prefix : prefixes) text += prefix.ToString() + " ";
  return text;
}

class AdvertisedPrefixesTest : public testing::Test {
 protected:
  void Hear(wire::Instant now, const Option& option, int index = 3) {
    prefixes_.Apply(now, Message(option, index).get());
  }
  std::string Of(int index = 3) const { return TextOf(prefixes_.Of(index)); }
  AdvertisedPrefixes prefixes_;
};

TEST_F(AdvertisedPrefixesTest, ReadsEveryLength) {
  const struct {
    uint8_t code;
    const char* prefix;
  } rows[] = {{0, "2001:db8:102:304::/96"}, {1, "2001:db8:102:304::/64"},
              {2, "2001:db8:102:300::/56"}, {3, "2001:db8:102::/48"},
              {4, "2001:db8:100::/40"},     {5, "2001:db8::/32"}};
  for (const auto& row : rows) {
    const auto read =
        ReadAdvertisedPrefix(Pref64(0xfff8, row.code, {0x20, 1, 0xd, 0xb8, 1, 2, 3, 4}));
    ASSERT_TRUE(read) << row.prefix;
    EXPECT_EQ(read->prefix.ToString(), row.prefix);
    EXPECT_EQ(read->lifetime, 65528s);
  }
}

TEST_F(AdvertisedPrefixesTest, TakesNothingElse) {
  const Option good = Pref64(600, 0, {0, 0x64, 0xff, 0x9b});
  ASSERT_TRUE(ReadAdvertisedPrefix(good));
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(ReadAdvertisedPrefix({good.data(), size})) << size;
  for (const uint8_t code : {6, 7}) EXPECT_FALSE(ReadAdvertisedPrefix(Pref64(600, code, {0x20})));
  Option other = good;
  other[0] = 25;
  EXPECT_FALSE(ReadAdvertisedPrefix(other)) << "RDNSS";
  for (const uint8_t length : {0, 1, 3, 255}) {
    other = good;
    other[1] = length;
    EXPECT_FALSE(ReadAdvertisedPrefix(other)) << "a length that lies";
  }
  EXPECT_FALSE(ReadAdvertisedPrefix(Pref64(600, 0, {}))) << "::/96";
  EXPECT_FALSE(ReadAdvertisedPrefix(Pref64(600, 0, {0xff, 2}))) << "a group";
  EXPECT_FALSE(ReadAdvertisedPrefix(Pref64(600, 0, {0xfe, 0x80}))) << "link-local";
  EXPECT_FALSE(ReadAdvertisedPrefix(Pref64(600, 0, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff})))
      << "IPv4 itself";
}

TEST_F(AdvertisedPrefixesTest, StandsForItsLifetime) {
  Hear(kStart, Pref64(80, 0, {0x20, 1, 0xd, 0xb8}));
  Hear(kStart, Pref64(160, 1, {0x20, 1, 0xd, 0xb9}));
  EXPECT_EQ(Of(), "2001:db8::/96 2001:db9::/64 ");
  EXPECT_EQ(Of(4), "");
  EXPECT_EQ(prefixes_.NextEnd(), kStart + 80s);
  Hear(kStart + 40s, Pref64(80, 0, {0x20, 1, 0xd, 0xb8}));  // again
  prefixes_.Expire(kStart + 119s);
  EXPECT_EQ(Of(), "2001:db8::/96 2001:db9::/64 ");
  prefixes_.Expire(kStart + 120s);
  EXPECT_EQ(Of(), "2001:db9::/64 ");
  const uint64_t version = prefixes_.version();
  Hear(kStart + 121s, Pref64(0, 1, {0x20, 1, 0xd, 0xb9}));
  EXPECT_EQ(Of(), "") << "taken back";
  EXPECT_GT(prefixes_.version(), version);
  EXPECT_EQ(prefixes_.NextEnd(), wire::kNever);
}

// Behind the same interface may be another network by now.
TEST_F(AdvertisedPrefixesTest, EndsWithTheLink) {
  for (const int index : {3, 4}) Hear(kStart, Pref64(80, 0, {0x20, 1, 0xd, 0xb8}), index);
  prefixes_.KeepOnly([](int index) { return index == 4; });
  EXPECT_EQ(Of(3), "");
  EXPECT_EQ(Of(4), "2001:db8::/96 ");
}

// Whoever floods the link takes no place from what stands, and no memory.
TEST_F(AdvertisedPrefixesTest, AFloodTakesNoPlaceFromWhatStands) {
  Hear(kStart, Pref64(800, 0, {0x20, 1, 0xd, 0xb8}));
  for (int i = 0; i < 1000; ++i) {
    Hear(kStart, Pref64(800, 0, {0x20, 2, static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)}));
    Hear(kStart, Pref64(800, 0, {0x20, 1, 0xd, 0xb8}), 10 + i);
  }
  EXPECT_EQ(prefixes_.Of(3).size(), AdvertisedPrefixes::kMostOfInterface);
  EXPECT_EQ(prefixes_.Of(3).front().ToString(), "2001:db8::/96");
  EXPECT_TRUE(prefixes_.Of(1009).empty());
}

TEST_F(AdvertisedPrefixesTest, ReadsNoFurtherThanTheMessage) {
  const Option good = Pref64(600, 0, {0x20, 1, 0xd, 0xb8});
  for (const Option& bad : {Option{38}, Option{38, 0, 0, 0, 0, 0, 0, 0}, Option{38, 2, 0, 0},
                            Option(15, 38), Option{25, 9, 0, 0, 0, 0, 0, 0}}) {
    Message message(bad);
    prefixes_.Apply(kStart, message.get());
  }
  Message lies(good);
  lies.body()->nduseropt_opts_len = 0xffff;  // more than there is: what there is counts
  prefixes_.Apply(kStart, lies.get());
  EXPECT_EQ(Of(), "2001:db8::/96 ");
  Message empty(good, 5);
  empty.body()->nduseropt_opts_len = 8;
  prefixes_.Apply(kStart, empty.get());
  Message solicitation(good, 5);
  solicitation.body()->nduseropt_icmp_type = 133;
  prefixes_.Apply(kStart, solicitation.get());
  Message v4(good, 5);
  v4.body()->nduseropt_family = AF_INET;
  prefixes_.Apply(kStart, v4.get());
  Message shorter(good, 5);
  shorter.get()->nlmsg_len = NLMSG_HDRLEN + sizeof(nduseroptmsg) - 1;
  prefixes_.Apply(kStart, shorter.get());
  EXPECT_EQ(Of(5), "");
  Option two(8 + good.size());
  two[0] = 25;
  two[1] = 1;
  std::copy(good.begin(), good.end(), two.begin() + 8);
  prefixes_.Apply(kStart, Message(two, 6).get());
  EXPECT_EQ(Of(6), "2001:db8::/96 ") << "behind another option";
}

}  // namespace
}  // namespace warp::control
