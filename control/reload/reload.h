// A running node, or map, follows its configuration file: all changes together, or none.
//
//             a mistake, or a change that needs a restart
//         ┌──────────────────────────► refused
//         │            all steps taken
//   checking ─► applying ────────────► applied ◄─────────────── confirmed
//                  │                                                │
//                  │ a step fails     --confirm: all steps taken    │
//                  ▼               ┌────────────────────────► unconfirmed
//          rolling back ◄──────────┴─────────────────────────── time is up
//                  │
//                  └─► rolled back
//
// The file is read, checked and compared on a helper thread, `warp-reload`, because disks may hang and a large file takes
// its time; and nothing is touched before all of it has been checked. Then one step (steps.h) is taken in each turn of
// the loop, so that payloads come first, as in every turn. A step that fails leads back: by the inverse steps in reverse
// order. Whatever is as large as the file is freed on the helper thread, too.
//
// Whoever changes a node over the tunnel that the node makes may lose the way back to it. With a time to confirm
// within, the node leads itself back unless it is told in time that all is well.
//
// Control thread only.
#ifndef WARP_CONTROL_RELOAD_RELOAD_H_
#define WARP_CONTROL_RELOAD_RELOAD_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "control/config/diff/config_diff.h"
#include "control/config/diff/file_lines.h"
#include "control/config/diff/node_file.h"
#include "control/loop/helper_thread.h"
#include "control/loop/loop.h"
#include "control/reload/reload_target.h"
#include "control/reload/steps.h"
#include "dataplane/wire/time.h"

namespace warp::control {

enum class ReloadState : uint8_t {
  kNone,  // there was no reload yet
  kChecking,
  kRefused,
  kApplying,
  kUnconfirmed,
  kApplied,
  kRollingBack,
  kRolledBack,
};
// "none", "checking", "rolled_back"
absl::string_view ReloadStateName(ReloadState state);

// A reload as those see it who ask for one, whatever file it is of.
class AnyReload {
 public:
  virtual ~AnyReload() = default;

  // Begins to read the file. FailedPrecondition while another reload is under way, or is not confirmed yet; Unavailable
  // where the process is out of threads.
  virtual absl::Status Begin(std::optional<wire::Duration> confirm_within = std::nullopt) = 0;
  // What was applied stays. FailedPrecondition where nothing waits for that.
  virtual absl::Status Confirm() = 0;
  // The program stops: no further step is taken, nor does another reload begin.
  void Halt() { halted_ = true; }

  // --- What is. ---
  ReloadState state() const { return state_; }
  // Lines: why it was refused, or led back, or what else is to be said. Empty: nothing.
  const std::string& message() const { return message_; }
  const std::string& file() const { return file_; }
  const std::string& program() const { return program_; }
  // Of the last file that was read without a mistake.
  const std::vector<config::EntryChange>& changes() const { return *changes_; }
  // The same as JSON, which was written on the helper thread. Empty: there are none.
  const std::string& changes_json() const { return changes_json_; }
  wire::Instant since() const { return since_; }  // of the state
  // While unconfirmed: when it leads back.
  wire::Instant confirm_until() const { return confirm_until_; }
  bool under_way() const {
    return state_ == ReloadState::kChecking || state_ == ReloadState::kApplying ||
           state_ == ReloadState::kUnconfirmed || state_ == ReloadState::kRollingBack;
  }

 protected:
  AnyReload(std::string program, std::string file)
      : program_(std::move(program)), file_(std::move(file)) {}

  const std::string program_;
  const std::string file_;
  ReloadState state_ = ReloadState::kNone;
  wire::Instant since_{};
  std::string message_;
  std::shared_ptr<const std::vector<config::EntryChange>> changes_ =
      std::make_shared<std::vector<config::EntryChange>>();
  std::string changes_json_;
  wire::Instant confirm_until_{};
  bool halted_ = false;
};

// `File` is config::NodeFile or config::MapFile.
template <typename File>
class BasicReload : public AnyReload {
 public:
  using Target = BasicReloadTarget<File>;
  struct Options {
    std::string file;
    std::function<void(const std::string&)> info, warn;  // get a sentence for the log
    // Hear that another configuration is in force from now on ("reload", "undone"), and why a file is not followed.
    // Empty: nobody does.
    std::function<void(const std::string& reason)> in_force;
    std::function<void(const std::string& reason)> refused;
    wire::Duration patience = std::chrono::seconds(10);   // for ports to be open
    wire::Duration look = std::chrono::milliseconds(10);  // between looks whether they are
    // Runs on the helper thread. Empty: config::LoadSettledFile.
    std::function<absl::StatusOr<File>(const std::string&)> load;
    std::string program = "warpd";  // as messages call it
  };
  // Both outlive it.
  BasicReload(Loop& loop, Target& target, Options options);

  absl::Status Begin(std::optional<wire::Duration> confirm_within = std::nullopt) override;
  absl::Status Confirm() override;

 private:
  // What the helper thread has found.
  struct Read {
    absl::StatusOr<File> file = absl::UnknownError("");
    std::shared_ptr<const std::vector<config::EntryChange>> changes;
    std::string changes_json;
    std::vector<std::string> changes_text;  // lines
    std::string refusal;
    std::vector<Step> steps;
  };
  static std::shared_ptr<Read> Compare(absl::StatusOr<File> file,
                                       const typename Target::Configuration& running);
  void Enter(ReloadState state, const std::string& message);
  void Loaded(Read read);
  void AwaitPrepared();
  void Refuse(const std::string& why);
  bool SayChanges();
  void Advance();
  void TakeNext();
  bool Await();
  void Applied();
  void LeadBack(const std::string& why);
  void TakeBack();
  void End();
  void Discard();

  Loop& loop_;
  Target& target_;
  const Options options_;

  std::optional<wire::Duration> confirm_within_;

  // While it is under way.
  typename Target::Configuration
      other_;  // that of before, while the target has that of after, or vice versa
  Read read_;
  size_t taken_ = 0;           // of its steps
  size_t said_ = 0;            // of its lines
  std::vector<Step> lacking_;  // of those back, what could not be opened
  wire::Instant await_until_ = wire::kNever;

  Task advance_;
  Timer later_;
  Timer confirm_;
  std::unique_ptr<HelperThread> helper_;
  std::unique_ptr<Watch> helper_watch_;
};
using Reload = BasicReload<config::NodeFile>;

}  // namespace warp::control

#endif  // WARP_CONTROL_RELOAD_RELOAD_H_
