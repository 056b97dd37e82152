// In which order a node follows changes.
#include "control/reload/steps.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace warp::control {
namespace {

using config::Effect;
using config::EntryChange;
using config::EntryKind;

std::string Text(const std::vector<Step>& steps) {
  std::string text;
  for (const Step& step : steps) {
    const std::string kind(config::EntryKindName(step.kind));
    if (step.act == Step::Act::kClose) absl::StrAppend(&text, "close ", kind, " ", step.before);
    if (step.act == Step::Act::kOpen) absl::StrAppend(&text, "open ", kind, " ", step.after);
    if (step.act == Step::Act::kRetune)
      absl::StrAppend(&text, "retune ", kind, " ", step.before, ">", step.after);
    if (step.act == Step::Act::kAwait) text += "await";
    text += "\n";
  }
  return text;
}

TEST(Steps, WhatMayFailComesFirstAndWhatNothingBringsBackLast) {
  std::vector<EntryChange> changes;
  for (const EntryKind kind : {EntryKind::kPort, EntryKind::kPeer, EntryKind::kTunnel}) {
    changes.push_back({.kind = kind, .before = 0});
    changes.push_back({.kind = kind, .after = 5});
    changes.push_back({.kind = kind, .before = 1, .after = 2});
  }
  changes.push_back({.kind = EntryKind::kPort, .before = 3, .after = 3, .effect = Effect::kReopen});
  changes.push_back(
      {.kind = EntryKind::kTunnel, .before = 4, .after = 3, .effect = Effect::kReopen});
  changes.push_back({.kind = EntryKind::kMap, .before = 6, .after = 7, .effect = Effect::kReopen});
  changes.push_back({.kind = EntryKind::kNode, .before = 0, .after = 0});
  EXPECT_EQ(Text(PlanSteps(changes)),
            "open peer 5\n"
            "retune peer 1>2\n"
            "retune node 0>0\n"
            "close tunnel 0\n"
            "close tunnel 4\n"
            "open tunnel 5\n"
            "open tunnel 3\n"
            "close port 0\n"
            "close port 3\n"
            "open port 5\n"
            "open port 3\n"
            "await\n"
            "retune port 1>2\n"
            "retune tunnel 1>2\n"
            "close map 6\n"
            "open map 7\n"
            "close peer 0\n");
}

TEST(Steps, NothingIsAwaitedWhereNoPortOpens) {
  EXPECT_EQ(Text(PlanSteps({{.kind = EntryKind::kPort, .before = 0}})), "close port 0\n");
  EXPECT_EQ(Text(PlanSteps({})), "");
}

TEST(Steps, TheInverseLeadsBack) {
  std::vector<Step> back;
  for (const Step& step : {Step{Step::Act::kClose, EntryKind::kPort, 3, 0},
                           Step{Step::Act::kOpen, EntryKind::kPeer, 0, 4},
                           Step{Step::Act::kRetune, EntryKind::kTunnel, 1, 2}, Step{}}) {
    back.push_back(Inverse(step));
    EXPECT_EQ(Inverse(back.back()), step);
  }
  EXPECT_EQ(Text(back),
            "open port 3\n"
            "close peer 4\n"
            "retune tunnel 2>1\n"
            "await\n");
}

}  // namespace
}  // namespace warp::control
