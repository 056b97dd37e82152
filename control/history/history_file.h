// The file that keeps the history of a node: binary, of fixed records, and replaced as a whole. Numbers are
// little-endian. Where the node's key changes the file moves, and begins with a line that says so (moving_file.h).
//
//   history   = "WARPHIST" version(4)=1 links(4) written(8) node(32) *link digest(32)
//   link      = name-size(2) name count(2) *record count(2) *record count(2) *record count(2) *record
//                                   ; by minute, hour, day and month
//   record    = 9 numbers of 8 bytes, as Record has them
//
// `written` is in seconds since 1970, and tells people alone: a file from the future is as good as any, because it may
// be the clock that is behind (history_clock.h). The digest is BLAKE2b of all before it. Whoever may write the file may
// write anything into it: it shows what links did, and nothing is decided by it.
#ifndef WARP_CONTROL_HISTORY_HISTORY_FILE_H_
#define WARP_CONTROL_HISTORY_HISTORY_FILE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "control/history/history.h"
#include "control/state/moving_file.h"
#include "dataplane/wire/crypto/keys.h"

namespace warp::history {

std::string WriteHistory(const wire::PublicKey& node, absl::Time now,
                         const std::vector<Link>& links);

// The error is InvalidArgument, a phrase that does not name the file: "is cut off or damaged".
absl::StatusOr<std::vector<Link>> ParseHistory(absl::string_view bytes,
                                               const wire::PublicKey& node);

struct HistoryFile {
  std::vector<Link> links;
  state::Origin origin;
};
// Reads the file of a place; nullopt where there is none. The error is as above. It may wait for the disk.
absl::StatusOr<std::optional<HistoryFile>> ReadHistoryFile(const state::Place& place);

}  // namespace warp::history

#endif  // WARP_CONTROL_HISTORY_HISTORY_FILE_H_
