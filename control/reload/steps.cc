#include "control/reload/steps.h"

#include <utility>

namespace warp::control {
namespace {

using config::Effect;
using config::EntryChange;
using config::EntryKind;

bool Comes(const EntryChange& change) { return change.added(); }
bool Goes(const EntryChange& change) { return change.removed(); }
bool Reopens(const EntryChange& change) {
  return !change.added() && !change.removed() && change.effect == Effect::kReopen;
}
bool Closes(const EntryChange& change) { return Goes(change) || Reopens(change); }
bool Opens(const EntryChange& change) { return Comes(change) || Reopens(change); }
bool Retunes(const EntryChange& change) {
  return !change.added() && !change.removed() && change.effect == Effect::kLive;
}

class Planner {
 public:
  explicit Planner(const std::vector<EntryChange>& changes) : changes_(changes) {}

  using Wanted = bool(const EntryChange&);
  void Close(EntryKind kind, Wanted wanted = Closes) { Add(Step::Act::kClose, kind, wanted); }
  bool Open(EntryKind kind, Wanted wanted = Opens) { return Add(Step::Act::kOpen, kind, wanted); }
  void Retune(EntryKind kind) { Add(Step::Act::kRetune, kind, Retunes); }
  void Await() { steps_.push_back({}); }
  std::vector<Step> Take() { return std::move(steps_); }

 private:
  bool Add(Step::Act act, EntryKind kind, Wanted wanted) {
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
  planner.Open(EntryKind::kPeer, Comes);
  planner.Retune(EntryKind::kPeer);
  planner.Close(EntryKind::kTunnel);
  planner.Close(EntryKind::kPeer, Reopens);
  planner.Open(EntryKind::kPeer, Reopens);
  planner.Open(EntryKind::kTunnel);
  planner.Close(EntryKind::kPort);
  if (planner.Open(EntryKind::kPort)) planner.Await();
  planner.Retune(EntryKind::kPort);
  planner.Retune(EntryKind::kTunnel);
  planner.Close(EntryKind::kPeer, Goes);
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
