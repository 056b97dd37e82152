#include "map-server/redis/value.h"

#include <gtest/gtest.h>

namespace warp::map {
namespace {

class ValueTest : public testing::Test {
 protected:
  ValueTest() {
    EXPECT_TRUE(wire::InitCrypto().ok());
    registration_.port = 3;
    registration_.order = {7, 9};
    registration_.observed = *wire::Endpoint::Parse("198.51.100.7:13116");
    const std::vector<wire::Endpoint> own = {*wire::Endpoint::Parse("192.0.2.1:1"),
                                             *wire::Endpoint::Parse("[2001:db8::1]:2")};
    registration_.candidates.Set(own);
    key_ = wire::SecretKey::Generate().Public();
    name_ = codec_.NameOf(KeyId::Of(key_));
  }
  // As a script stores it.
  static std::string Stored(const Order& order, const std::string& body) {
    return EncodeOrder(order) + "expiry!!" + body;
  }
  bool Open(absl::string_view field, absl::string_view value) {
    opened_ = {};
    return codec_.Open(name_, field, value, &opened_);
  }

  const wire::SecretKey map_key_ = wire::SecretKey::Generate();
  const ValueCodec codec_{map_key_};
  StoredRegistration registration_;
  wire::PublicKey key_;
  RecordName name_;
  ValueCodec::Opened opened_;
};

TEST_F(ValueTest, RegistrationsComeBack) {
  const std::string field = RegistrationField(3, false);
  ASSERT_TRUE(Open(field, Stored({7, 9}, codec_.Seal(key_, registration_))));
  EXPECT_EQ(opened_.key, key_);
  EXPECT_EQ(opened_.order, (Order{7, 9}));
  EXPECT_TRUE(opened_.live);
  EXPECT_EQ(opened_.port, 3);
  EXPECT_EQ(opened_.observed, registration_.observed);
  EXPECT_EQ(opened_.candidates, registration_.candidates.Unpack());

  registration_.observed.port = 0;
  ASSERT_TRUE(Open(field, Stored({7, 9}, codec_.Seal(key_, registration_))));
  EXPECT_FALSE(opened_.live);
}

// Another map, that shares the redis, tells nobody where a TLS connection comes from either.
TEST_F(ValueTest, ARegistrationThatNoDatagramReachesStaysOne) {
  const std::string field = RegistrationField(3, false);
  ASSERT_TRUE(Open(field, Stored({7, 9}, codec_.Seal(key_, registration_))));
  EXPECT_TRUE(opened_.reachable);
  registration_.local_address = kFirstStreamId;
  ASSERT_TRUE(Open(field, Stored({7, 9}, codec_.Seal(key_, registration_))));
  EXPECT_TRUE(opened_.live);
  EXPECT_FALSE(opened_.reachable);
  EXPECT_EQ(opened_.observed, registration_.observed);
  registration_.observed.port = 0;
  ASSERT_TRUE(Open(field, Stored({7, 9}, codec_.Seal(key_, registration_))));
  EXPECT_FALSE(opened_.live);
}

TEST_F(ValueTest, ListsComeBack) {
  const NamedList list{{1, 2, 3}, {KeyId::Of(key_), KeyId::Of(map_key_.Public())}};
  ASSERT_TRUE(Open(kAllowField, Stored({1, 2}, codec_.Seal(key_, {1, 2}, list))));
  ASSERT_TRUE(opened_.list.has_value());
  EXPECT_EQ(opened_.list->digest, list.digest);
  EXPECT_EQ(opened_.list->ids, list.ids);
}

TEST_F(ValueTest, ValuesThatSayTheSameHaveTheSamePrint) {
  const std::string a = codec_.Seal(key_, registration_), b = codec_.Seal(key_, registration_);
  EXPECT_NE(a, b) << "the nonce";
  EXPECT_EQ(a.substr(0, 9), b.substr(0, 9));
  registration_.observed.port = 5;
  EXPECT_NE(codec_.Seal(key_, registration_).substr(0, 9), a.substr(0, 9));
}

// Whoever has the redis may change every byte, cut, move values between fields and records, and bring those of other
// maps.
TEST_F(ValueTest, NothingElseIsBelieved) {
  const std::string field = RegistrationField(3, false);
  const std::string value = Stored({7, 9}, codec_.Seal(key_, registration_));
  for (size_t i = 0; i < value.size(); ++i) {
    if (i >= 16 && i < 32) continue;  // expiry and print: redis alone uses them
    std::string changed = value;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(Open(field, changed)) << i;
  }
  for (size_t size = 0; size < value.size(); ++size)
    EXPECT_FALSE(Open(field, value.substr(0, size)));
  EXPECT_FALSE(Open(field, value + "x"));
  EXPECT_FALSE(Open(RegistrationField(4, false), value));
  EXPECT_FALSE(Open(RegistrationField(3, true), value));
  EXPECT_FALSE(Open(kAllowField, value));
  EXPECT_FALSE(Open("", value));
  EXPECT_FALSE(Open("rXXXX4", value));
  name_[0] ^= 1;
  EXPECT_FALSE(Open(field, value));
  name_[0] ^= 1;
  EXPECT_FALSE(ValueCodec(wire::SecretKey::Generate()).Open(name_, field, value, &opened_));
  EXPECT_TRUE(Open(field, value));
}

TEST_F(ValueTest, OrdersCompareAsTheirBytes) {
  const std::vector<Order> ascending = {{0, 0}, {0, 1}, {0, 256}, {1, 0}, {255, 9}, {256, 1}};
  for (size_t i = 1; i < ascending.size(); ++i) {
    EXPECT_LT(EncodeOrder(ascending[i - 1]), EncodeOrder(ascending[i]));
    EXPECT_EQ(DecodeOrder(EncodeOrder(ascending[i])), ascending[i]);
  }
  EXPECT_EQ(DecodeOrder("short"), std::nullopt);
}

}  // namespace
}  // namespace warp::map
