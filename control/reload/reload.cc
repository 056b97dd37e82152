#include "control/reload/reload.h"

#include <poll.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "control/config/diff/diff_json.h"
#include "control/config/diff/diff_text.h"
#include "control/config/diff/map_file.h"

namespace warp::control {
namespace {

std::string Seconds(wire::Duration time) {
  return absl::StrCat(std::chrono::ceil<std::chrono::seconds>(time).count(), " s");
}

// How much is written into the log in one turn: a file may change thousands of entries.
constexpr size_t kLinesInTurn = 16, kMostRefusals = 100;

using Changes = std::vector<config::EntryChange>;

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

absl::string_view ReloadStateName(ReloadState state) {
  switch (state) {
    case ReloadState::kNone:
      return "none";
    case ReloadState::kChecking:
      return "checking";
    case ReloadState::kRefused:
      return "refused";
    case ReloadState::kApplying:
      return "applying";
    case ReloadState::kUnconfirmed:
      return "unconfirmed";
    case ReloadState::kApplied:
      return "applied";
    case ReloadState::kRollingBack:
      return "rolling_back";
    case ReloadState::kRolledBack:
      return "rolled_back";
  }
  return "";
}

// What is empty has its meaning here, and not as a default: GCC 12 fails by an internal error at lambdas that are
// defaults of a template's members.
template <typename File>
BasicReload<File>::BasicReload(Loop& loop, Target& target, Options options)
    : AnyReload(options.program, options.file),
      loop_(loop),
      target_(target),
      options_([&options] {
        const auto nobody = [](const std::string&) {};
        if (!options.in_force) options.in_force = nobody;
        if (!options.refused) options.refused = nobody;
        if (!options.load) options.load = &config::LoadSettledFile<File>;
        return std::move(options);
      }()),
      advance_(loop, [this] { Advance(); }),
      later_(loop, [this] { Advance(); }),
      confirm_(loop, [this] { LeadBack("nobody has confirmed it"); }) {}

template <typename File>
void BasicReload<File>::Enter(ReloadState state, const std::string& message) {
  state_ = state;
  since_ = loop_.now();
  message_ = message;
}

// --- Reading and checking. ---

template <typename File>
absl::Status BasicReload<File>::Begin(std::optional<wire::Duration> confirm_within) {
  if (halted_) return absl::FailedPreconditionError(program_ + " is stopping");
  if (state_ == ReloadState::kUnconfirmed) {
    return absl::FailedPreconditionError(
        "the last reload is not confirmed yet: warp reload --confirm-now keeps it");
  }
  if (state_ == ReloadState::kChecking) {
    return absl::FailedPreconditionError(
        "another reload is under way, whose files are still being read");
  }
  if (under_way()) return absl::FailedPreconditionError("another reload is under way");
  if (helper_ == nullptr) {
    absl::StatusOr<std::unique_ptr<HelperThread>> helper = HelperThread::Start("warp-reload");
    if (!helper.ok()) return helper.status();
    helper_ = *std::move(helper);
    helper_watch_ = std::make_unique<Watch>(loop_, helper_->fd(), POLLIN,
                                            [this](uint32_t) { helper_->RunFinished(); });
  }
  confirm_within_ = confirm_within;
  helper_->Submit([changes = std::exchange(changes_, std::make_shared<Changes>())] {
    return [] {};  // and they are freed there
  });
  changes_json_.clear();
  Enter(ReloadState::kChecking, "");
  helper_->Submit([this, load = options_.load, file = file_, running = target_.shared_config()] {
    const std::shared_ptr<Read> read = Compare(load(file), *running);
    return [this, read] { Loaded(std::move(*read)); };
  });
  return absl::OkStatus();
}

// On the helper thread.
template <typename File>
std::shared_ptr<typename BasicReload<File>::Read> BasicReload<File>::Compare(
    absl::StatusOr<File> file, const typename Target::Configuration& running) {
  auto read = std::make_shared<Read>();
  read->file = std::move(file);
  read->changes = std::make_shared<Changes>();
  if (!read->file.ok()) {
    read->refusal = std::string(read->file.status().message());
    return read;
  }
  auto changes = std::make_shared<Changes>(config::Diff(running, read->file->config));
  read->refusal = config::WhatNeedsRestart(*changes, *read->file);
  if (read->refusal.empty()) read->steps = PlanSteps(*changes);
  read->changes_json = changes->empty() ? "" : config::DiffJsonText(*changes);
  read->changes_text = absl::StrSplit(config::DiffText(*changes), '\n', absl::SkipEmpty());
  read->changes = std::move(changes);
  return read;
}

template <typename File>
void BasicReload<File>::Loaded(Read read) {
  if (halted_) return;
  read_ = std::move(read);
  changes_ = read_.changes;
  changes_json_ = std::move(read_.changes_json);
  absl::StatusOr<File>& file = read_.file;
  if (file.ok()) read_.refusal += target_.Obstacles(*changes_, *file);
  if (!read_.refusal.empty()) {
    Refuse(read_.refusal);
    return Discard();
  }
  if constexpr (requires { file->config.advice; }) {
    for (absl::string_view line : absl::StrSplit(file->config.advice, '\n', absl::SkipEmpty()))
      options_.warn(std::string(line));
  }
  target_.Prepare(*changes_, *file);
  taken_ = said_ = 0;
  await_until_ = loop_.now() + options_.patience;
  other_ = std::move(file->config);
  AwaitPrepared();
}

// Nothing was touched yet, and nothing is where memory does not suffice.
template <typename File>
void BasicReload<File>::AwaitPrepared() {
  const absl::StatusOr<bool> prepared = target_.Prepared();
  if (prepared.ok() && !*prepared && loop_.now() < await_until_) {
    later_.Set(options_.look);
  } else if (prepared.ok() && *prepared) {
    await_until_ = wire::kNever;
    target_.Exchange(other_);
    Enter(ReloadState::kApplying, "");
    advance_.Schedule();
  } else {
    Refuse(prepared.ok() ? absl::StrCat("memory for the new file is not there after ",
                                        Seconds(options_.patience))
                         : std::string(prepared.status().message()));
    End();
  }
}

template <typename File>
void BasicReload<File>::Refuse(const std::string& why) {
  Enter(ReloadState::kRefused, why);
  options_.warn("reload: refused, and nothing is changed:");
  size_t lines = 0;
  for (absl::string_view line : absl::StrSplit(why, '\n', absl::SkipEmpty())) {
    if (++lines > kMostRefusals) break;
    options_.warn(absl::StrCat("reload: ", line));
  }
  if (lines > kMostRefusals) options_.warn("reload: and more: warp reload --show has all of them");
  options_.refused(FirstLine(why));
}

// --- Steps, one in a turn. ---

template <typename File>
void BasicReload<File>::Advance() {
  if (halted_) return;
  if (state_ == ReloadState::kChecking) {
    AwaitPrepared();
  } else if (state_ == ReloadState::kApplying) {
    TakeNext();
  } else if (state_ == ReloadState::kRollingBack) {
    TakeBack();
  }
}

template <typename File>
void BasicReload<File>::TakeNext() {
  if (taken_ == read_.steps.size()) return SayChanges() ? Applied() : advance_.Schedule();
  const Step& step = read_.steps[taken_];
  if (step.act == Step::Act::kAwait) {
    if (!Await()) return;
  } else if (const absl::Status status = target_.Take(step, other_, target_.config());
             !status.ok()) {
    return LeadBack(std::string(status.message()));
  }
  ++taken_;
  advance_.Schedule();
}

// True: the ports are open. False: they are not, and something follows from that.
template <typename File>
bool BasicReload<File>::Await() {
  if (await_until_ == wire::kNever) await_until_ = loop_.now() + options_.patience;
  const absl::StatusOr<bool> settled = target_.Settled();
  if (!settled.ok()) {
    LeadBack(std::string(settled.status().message()));
  } else if (*settled) {
    return true;
  } else if (loop_.now() >= await_until_) {
    LeadBack(absl::StrCat("a port is not open after ", Seconds(options_.patience),
                          ": its driver hangs"));
  } else {
    later_.Set(options_.look);
  }
  return false;
}

// In the log, so many lines in a turn. True: that was all.
template <typename File>
bool BasicReload<File>::SayChanges() {
  const std::vector<std::string>& lines = read_.changes_text;
  for (const size_t until = said_ + kLinesInTurn; said_ < std::min(until, lines.size()); ++said_)
    options_.info(absl::StrCat("reload: ", lines[said_]));
  return said_ == lines.size();
}

template <typename File>
void BasicReload<File>::Applied() {
  const bool same = changes_->empty();
  if (!same) options_.in_force("reload");
  if (!confirm_within_.has_value() || same) {
    Enter(ReloadState::kApplied, same ? "nothing differs" : "");
    options_.info(same ? "reload: nothing differs" : "reload: applied");
    return End();
  }
  confirm_until_ = loop_.now() + *confirm_within_;
  confirm_.SetAt(confirm_until_);
  Enter(ReloadState::kUnconfirmed, "");
  options_.info(absl::StrCat("reload: applied, and undone unless it is confirmed within ",
                             Seconds(*confirm_within_)));
}

template <typename File>
absl::Status BasicReload<File>::Confirm() {
  if (state_ != ReloadState::kUnconfirmed)
    return absl::FailedPreconditionError("no reload waits to be confirmed");
  confirm_.Cancel();
  End();
  Enter(ReloadState::kApplied, "");
  options_.info("reload: confirmed");
  return absl::OkStatus();
}

// --- Back. ---

template <typename File>
void BasicReload<File>::LeadBack(const std::string& why) {
  if (halted_) return;
  later_.Cancel();
  Enter(ReloadState::kRollingBack, why);
  options_.warn(absl::StrCat("reload: undone, because ", why));
  options_.refused(FirstLine(why));
  target_.Exchange(other_);
  advance_.Schedule();
}

// What cannot be brought back is said, and the rest comes back all the same. The next reload opens it, since the node's
// configuration is without it.
template <typename File>
void BasicReload<File>::TakeBack() {
  if (taken_ == 0) {
    Enter(ReloadState::kRolledBack, message_);
    options_.info("reload: the configuration is again what it was");
    End();
    options_.in_force("undone");
    return;
  }
  const Step step = Inverse(read_.steps[--taken_]);
  if (step.act != Step::Act::kAwait) {
    const absl::Status status = target_.Take(step, other_, target_.config());
    if (!status.ok()) {
      absl::StrAppend(&message_, "\n", status.message());
      options_.warn(absl::StrCat("reload: ", status.message()));
      if (step.act == Step::Act::kOpen) lacking_.push_back(step);
    }
  }
  advance_.Schedule();
}

template <typename File>
void BasicReload<File>::End() {
  target_.End(lacking_);
  lacking_.clear();
  Discard();
}

// With the secrets in it, which its destructor wipes.
template <typename File>
void BasicReload<File>::Discard() {
  struct Gone {
    Read read;
    typename Target::Configuration other;
  };
  auto gone = std::make_shared<Gone>(std::exchange(read_, Read()), std::exchange(other_, {}));
  helper_->Submit([gone = std::move(gone)] { return [] {}; });
}

template class BasicReload<config::NodeFile>;
template class BasicReload<config::MapFile>;

}  // namespace warp::control
