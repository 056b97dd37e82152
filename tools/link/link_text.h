// The properties of one direction as text: "rate=20Mbit@0s,10Mbit@10s,delay=30ms,down=5s-6s". docs/lab.md explains the
// keys.
#ifndef WARP_TOOLS_LINK_LINK_TEXT_H_
#define WARP_TOOLS_LINK_LINK_TEXT_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tools/link/model/link_options.h"

namespace warp::tools {

// Keys with their values, both as text. Several texts may be added, and a later key replaces an earlier one.
class LinkText {
 public:
  // InvalidArgument for what is no list of KEY=VALUE, an unknown key, or one that stands twice.
  absl::Status Add(absl::string_view text);
  // The options, valid as link_options.h says. Reads the file of a trace. Errors are one sentence that begins with the
  // key.
  absl::StatusOr<LinkOptions> Options() const;

 private:
  using Values = std::vector<std::string>;  // what commas part

  std::map<std::string, Values> values_;
};

// The keys, for the command line's help: "rate, trace, buffer, …".
std::string LinkKeys();

}  // namespace warp::tools

#endif  // WARP_TOOLS_LINK_LINK_TEXT_H_
