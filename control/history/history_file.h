// The file that keeps the history of a node: binary, of fixed records, and replaced as a whole. Numbers are
// little-endian.
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
#include "dataplane/wire/crypto/keys.h"

namespace warp::history {

std::string WriteHistory(const wire::PublicKey& node, absl::Time now,
                         const std::vector<Link>& links);

// The error is InvalidArgument, a phrase that does not name the file: "is cut off or damaged".
absl::StatusOr<std::vector<Link>> ParseHistory(absl::string_view bytes,
                                               const wire::PublicKey& node);

// Reads the file; nullopt where there is none. The error is as above. It may wait for the disk.
absl::StatusOr<std::optional<std::vector<Link>>> ReadHistoryFile(const std::string& path,
                                                                 const wire::PublicKey& node);

}  // namespace warp::history

#endif  // WARP_CONTROL_HISTORY_HISTORY_FILE_H_
