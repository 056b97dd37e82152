#include "tools/init/init_next.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "tools/terminal/shell_word.h"

namespace warp::tools {
namespace {

constexpr char kConfigOfTheService[] = "/etc/warp/warpd.yaml";
constexpr std::array kPlacesOfUnits = {"/etc/systemd/system/", "/usr/local/lib/systemd/system/",
                                       "/usr/lib/systemd/system/", "/lib/systemd/system/"};

bool ServiceReads(const std::string& output, const Machine& machine) {
  return output == kConfigOfTheService &&
         std::any_of(kPlacesOfUnits.begin(), kPlacesOfUnits.end(), [&machine](const char* place) {
           return machine.Mode(absl::StrCat(place, "warpd.service")).ok();
         });
}

}  // namespace

std::string NextSteps(const Machine& machine, const InitConfig& config, const std::string& output,
                      const std::string& public_key) {
  const std::string file = ShellWord(output);
  std::string steps = absl::StrCat("next:\n  warp check ", file, "\n  warp doctor ", file, "\n");
  // Restarting also starts what does not run yet.
  absl::StrAppend(&steps, ServiceReads(output, machine)
                              ? "  systemctl restart warpd\n"
                              : absl::StrCat("  warpd --config ", file, "\n"));
  absl::StrAppend(&steps, "at the other site, once:\n  warp init --peer NAME=", public_key);
  for (const InitMap& map : config.maps) {
    absl::StrAppend(&steps, " --map ", ShellWord(absl::StrCat(map.address, "=", map.public_key)));
  }
  return steps + "\n";
}

std::string StepsToAPeer(const std::string& public_key) {
  return absl::StrCat(
      "No configuration was written, because no other site is known yet. When its key is:\n"
      "  warp init --peer NAME=KEY                     # with --map ADDRESS=KEY, or\n"
      "  warp init --peer NAME=KEY@ADDRESS             # without a map\n"
      "at the other site:\n"
      "  warp init --peer NAME=",
      public_key, "\n");
}

}  // namespace warp::tools
