#include "dataplane/lcore/crypto/engine_choice.h"

#include <gtest/gtest.h>

#include <vector>

namespace warp::lcore {
namespace {

using wire::EngineKind;

EngineKind Of(const std::vector<EngineTime>& times) { return Fastest(times).kind; }

TEST(EngineChoice, TheFastestIsChosen) {
  EXPECT_EQ(Of({{EngineKind::kSodium, "libsodium", 1550}}), EngineKind::kSodium);
  EXPECT_EQ(Of({{EngineKind::kIpsecMb, "ipsec-mb", 150},
                {EngineKind::kOpenssl, "openssl", 450},
                {EngineKind::kSodium, "libsodium", 690}}),
            EngineKind::kIpsecMb);
  EXPECT_EQ(Of({{EngineKind::kOpenssl, "openssl", 780}, {EngineKind::kSodium, "libsodium", 500}}),
            EngineKind::kSodium);
}

TEST(EngineChoice, ChanceDecidesNothing) {
  EXPECT_EQ(Of({{EngineKind::kOpenssl, "openssl", 500}, {EngineKind::kSodium, "libsodium", 490}}),
            EngineKind::kOpenssl);
}

TEST(EngineChoice, WhatIsConfiguredIsNotMeasured) {
  const EngineChoice choice = ChooseEngine(EngineKind::kSodium);
  EXPECT_EQ(choice.kind, EngineKind::kSodium);
  EXPECT_EQ(choice.reason, "");
}

TEST(EngineChoice, EachEngineOfThisMachineIsNamed) {
  const EngineChoice choice = ChooseEngine(EngineKind::kAuto);
  ASSERT_TRUE(wire::MakeEngine(choice.kind).ok());
  for (const EngineKind kind : wire::kEngines) {
    const auto engine = wire::MakeEngine(kind);
    if (!engine.ok() || wire::SupportedCiphers(kind) != wire::SupportedCiphers()) continue;
    EXPECT_NE(choice.reason.find(std::string((*engine)->name())), std::string::npos)
        << choice.reason;
  }
}

}  // namespace
}  // namespace warp::lcore
