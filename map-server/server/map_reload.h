// What a reload changes of a running map (control/reload): who may register, how long registrations live, and where the
// map listens. Loop's thread only.
#ifndef WARP_MAP_SERVER_SERVER_MAP_RELOAD_H_
#define WARP_MAP_SERVER_SERVER_MAP_RELOAD_H_

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "control/config/diff/map_file.h"
#include "control/reload/reload_target.h"

namespace warp::map {

class MapReload : public control::BasicReloadTarget<config::MapFile> {
 public:
  struct Parts {
    // Each follows the configuration. An error is one sentence, and nothing is changed then.
    std::function<absl::Status(const config::MapConfig& before, const config::MapConfig& after)>
        listen;
    std::function<void(const config::MapConfig&)> retune;
  };
  MapReload(config::MapConfig config, Parts parts)
      : config_(std::make_shared<config::MapConfig>(std::move(config))), parts_(std::move(parts)) {}

  std::shared_ptr<const config::MapConfig> shared_config() const override { return config_; }
  std::string Obstacles(const std::vector<config::EntryChange>&,
                        const config::MapFile&) const override {
    return "";
  }
  void Prepare(const std::vector<config::EntryChange>&, const config::MapFile&) override {}
  absl::StatusOr<bool> Prepared() const override { return true; }
  void Exchange(config::MapConfig& config) override { std::swap(*config_, config); }
  // Sockets come first, because they alone may fail.
  absl::Status Take(const control::Step&, const config::MapConfig& before,
                    const config::MapConfig& after) override {
    if (absl::Status status = parts_.listen(before, after); !status.ok()) return status;
    parts_.retune(after);
    return absl::OkStatus();
  }
  absl::StatusOr<bool> Settled() const override { return true; }
  void End(std::span<const control::Step>) override {}

 private:
  const std::shared_ptr<config::MapConfig> config_;
  const Parts parts_;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_SERVER_MAP_RELOAD_H_
