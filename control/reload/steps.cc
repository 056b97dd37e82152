#include "control/reload/steps.h"

#include <utility>

namespace warp::control {
namespace {

using config::Effect;
using config::EntryChange;
using config::EntryKind;

bool Closes(const EntryChange& change) {
  return change.removed() || (!change.added() && change.effect == Effect::kReopen);
}
bool Opens(const EntryChange& change) {
  return change.added() || (!change.removed() && change.effect == Effect::kReopen);
}
bool Retunes(const EntryChange& change) {
  return !change.added() && !change.removed() && change.effect == Effect::kLive;
}

class Planner {
 public:
  explicit Planner(const std::vector<EntryChange>& changes) : changes_(changes) {}

  void Close(EntryKind kind) { Add(Step::Act::kClose, kind, Closes); }
  bool Open(EntryKind kind) { return Add(Step::Act::kOpen, kind, Opens); }
  void Retune(EntryKind kind) { Add(Step::Act::kRetune, kind, Retunes); }
  void Await() { steps_.push_back({}); }
  std::vector<Step> Take() { return std::move(steps_); }

 private:
  bool Add(Step::Act act, EntryKind kind, bool (*wanted)(const EntryChange&)) {
    const size_t before = steps_.size();
    for (const EntryChange& change : changes_) {
      if (change.kind != kind || !wanted(change)) continue;
      Step step{.act = act, .kind = kind};
      if (act != Step::Act::kOpen) step.before = change.before.value_or(0);
      if (act != Step::Act::kClose) step.after = change.after.value_or(0);
      steps_.push_back(step);
    }
    return steps_.size() > before;
  }

  const std::vector<EntryChange>& changes_;
  std::vector<Step> steps_;
};

}  // namespace

std::vector<Step> PlanSteps(const std::vector<EntryChange>& changes) {
  Planner planner(changes);
  planner.Open(EntryKind::kPeer);
  planner.Retune(EntryKind::kPeer);
  planner.Retune(EntryKind::kNode);
  planner.Close(EntryKind::kTunnel);
  planner.Open(EntryKind::kTunnel);
  planner.Close(EntryKind::kPort);
  if (planner.Open(EntryKind::kPort)) planner.Await();
  planner.Retune(EntryKind::kPort);
  planner.Retune(EntryKind::kTunnel);
  planner.Close(EntryKind::kMap);
  planner.Open(EntryKind::kMap);
  planner.Close(EntryKind::kPeer);
  planner.Retune(EntryKind::kMapServer);
  return planner.Take();
}

Step Inverse(const Step& step) {
  Step inverse = step;
  std::swap(inverse.before, inverse.after);
  inverse.back = !step.back;
  if (step.act == Step::Act::kClose) inverse.act = Step::Act::kOpen;
  if (step.act == Step::Act::kOpen) inverse.act = Step::Act::kClose;
  return inverse;
}

}  // namespace warp::control
