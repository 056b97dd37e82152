// What a reload changes: the parts of a running node or map, which each step reaches.
#ifndef WARP_CONTROL_RELOAD_RELOAD_TARGET_H_
#define WARP_CONTROL_RELOAD_RELOAD_TARGET_H_

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "control/config/diff/config_diff.h"
#include "control/config/diff/node_file.h"
#include "control/reload/steps.h"

namespace warp::control {

// `File` is config::NodeFile or config::MapFile.
template <typename File>
class BasicReloadTarget {
 public:
  using Configuration = decltype(File::config);
  virtual ~BasicReloadTarget() = default;

  // That of the running node. Nobody changes it but Exchange and End, so that another thread may read it until then.
  virtual std::shared_ptr<const Configuration> shared_config() const = 0;
  const Configuration& config() const { return *shared_config(); }
  // What of the changes this node, as it was started, cannot follow, though others can: a line of one sentence for
  // each, with its place in the file (NodeFile::Place) and what to do. Empty: it can.
  virtual std::string Obstacles(const std::vector<config::EntryChange>& changes,
                                const File& after) const = 0;
  // Begins to make what the changes need before anything may be touched: memory.
  virtual void Prepare(const std::vector<config::EntryChange>& changes, const File& after) = 0;
  // Whether that has ended. An error is one sentence, with its place in the file and what to do.
  virtual absl::StatusOr<bool> Prepared() const = 0;
  // From now on, `config` is the node's configuration. The one that it had is in its place.
  virtual void Exchange(Configuration& config) = 0;
  // Takes a step between two configurations, of which `after` is the node's. An error is one sentence that names the
  // entry, and nothing of the step is left then. Never waits.
  virtual absl::Status Take(const Step& step, const Configuration& before,
                            const Configuration& after) = 0;
  // Whether all ports that steps have opened are open, or are opened when what they lack comes. An error names one
  // that cannot be opened.
  virtual absl::StatusOr<bool> Settled() const = 0;
  // The reload has ended, and no step of it will be undone. `lacking` are those of the way back that could not open
  // what they name: the configuration is without these entries from now on, so that the next reload opens them.
  virtual void End(std::span<const Step> lacking) = 0;
};
using ReloadTarget = BasicReloadTarget<config::NodeFile>;

}  // namespace warp::control

#endif  // WARP_CONTROL_RELOAD_RELOAD_TARGET_H_
