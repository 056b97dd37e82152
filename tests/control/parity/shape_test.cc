// How much loss a shape leaves, and which one is chosen.
#include "control/parity/shape.h"

#include <gtest/gtest.h>

#include <cmath>

namespace warp::parity {
namespace {

TEST(Shape, ResidualIsTheFormula) {
  for (const double p : {0.01, 0.02, 0.05, 0.2}) {
    EXPECT_NEAR(ResidualLoss({4, 1}, p), p * (1 - std::pow(1 - p, 4)), 1e-12);
    EXPECT_NEAR(ResidualLoss({2, 1}, p), p * (1 - std::pow(1 - p, 2)), 1e-12);
    EXPECT_NEAR(ResidualLoss({4, 2}, p), p * (1 - std::pow(1 - p, 5) - 5 * p * std::pow(1 - p, 4)),
                1e-12);
    EXPECT_LT(ResidualLoss({10, 4}, p), ResidualLoss({10, 3}, p));
  }
  EXPECT_EQ(ResidualLoss({4, 1}, 0), 0);
  EXPECT_EQ(ResidualLoss({4, 1}, 1), 1);
}

TEST(Shape, OnePathMayCarryAsMuchAsParityMakesUpFor) {
  EXPECT_EQ(MostOnOnePath({2, 1}, 3), 1u);
  EXPECT_EQ(MostOnOnePath({4, 2}, 3), 2u);
  EXPECT_EQ(MostOnOnePath({4, 1}, 3), 0u) << "two of five packets share a path";
  EXPECT_EQ(MostOnOnePath({4, 1}, 5), 1u);
  EXPECT_EQ(MostOnOnePath({1, 1}, 1), 0u);
}

TEST(Shape, ChoosesTheLeastThatMeetsTheTarget) {
  Conditions conditions{.paths = 3, .target = 0.001, .most = 0.5, .most_payloads = 20};
  EXPECT_FALSE(ChooseShape(conditions).any()) << "nothing is lost";
  conditions.loss = 0.0005;
  EXPECT_FALSE(ChooseShape(conditions).any()) << "less is lost than may be";
  conditions.loss = 0.02;
  const Shape light = ChooseShape(conditions);
  EXPECT_LE(ResidualLoss(light, 0.02), 0.001);
  EXPECT_LT(light.parities / static_cast<double>(light.payloads), 0.2);
  conditions.loss = 0.06;
  const Shape heavy = ChooseShape(conditions);
  EXPECT_LE(ResidualLoss(heavy, 0.06), 0.001);
  EXPECT_GT(heavy.parities / static_cast<double>(heavy.payloads),
            light.parities / static_cast<double>(light.payloads));
  conditions.most_payloads = 3;
  EXPECT_LE(ChooseShape(conditions).payloads, 3) << "payloads are too sparse to wait for more";
}

TEST(Shape, KeepsTheBoundWhereTheTargetCannotBeMet) {
  const Conditions conditions{
      .loss = 0.3, .paths = 3, .target = 1e-6, .most = 0.25, .most_payloads = 20};
  const Shape shape = ChooseShape(conditions);
  ASSERT_TRUE(shape.any());
  EXPECT_LE(shape.parities / static_cast<double>(shape.payloads), 0.25);
}

TEST(Shape, WherePathsDieItSurvivesTheDeathOfOne) {
  Conditions conditions{
      .paths = 3, .paths_die = true, .target = 0.001, .most = 0.5, .most_payloads = 20};
  const Shape shape = ChooseShape(conditions);
  ASSERT_TRUE(shape.any()) << "although nothing is lost by chance";
  EXPECT_GT(MostOnOnePath(shape, 3), 0u);
  EXPECT_DOUBLE_EQ(shape.parities / static_cast<double>(shape.payloads), 0.5);
  // With two paths it would take as much parity as there are payloads.
  conditions.paths = 2;
  conditions.loss = 0.01;
  const Shape two = ChooseShape(conditions);
  EXPECT_EQ(MostOnOnePath(two, 2), 0u);
  EXPECT_LE(ResidualLoss(two, 0.01), 0.001);
}

}  // namespace
}  // namespace warp::parity
